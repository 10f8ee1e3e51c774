package main

import (
	"strings"
	"testing"
)

const stream = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestNoData","Output":"    x_test.go:1: the shared test data does not lie beside this checkout\n"}
{"Action":"skip","Package":"p","Test":"TestNoData"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`

const skip = `{"Action":"output","Package":"p","Test":"TestRoot","Output":"    x_test.go:2: needs root\n"}
{"Action":"skip","Package":"p","Test":"TestRoot"}
`

const fail = `{"Action":"output","Package":"p","Test":"TestBad","Output":"    x_test.go:3: two is not three\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
`

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		full, ok     bool
		shows        string
	}{
		{"absent data is no failure", stream, true, true, "ok  \tp\t0.1s\n1 tests passed, 0 failed, 1 skipped\n"},
		{"a skip in a full run is one", stream + skip, true, false, "p TestRoot: x_test.go:2: needs root"},
		{"a skip elsewhere is none", stream + skip, false, true, "2 skipped"},
		{"a failure shows its output", stream + fail, false, false, "two is not three"},
		{"a package that does not build is shown", `{"Action":"build-output","ImportPath":"p","Output":"x.go:1: no\n"}`, false, true, "x.go:1: no\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := report{out: &out, full: tt.full}
			if err := r.read(strings.NewReader(tt.stream)); err != nil {
				t.Fatal(err)
			}
			if err := r.summary(); (err == nil) != tt.ok {
				t.Errorf("summary: %v", err)
			}
			if !strings.Contains(out.String(), tt.shows) {
				t.Errorf("got %q, want it to hold %q", out.String(), tt.shows)
			}
			if strings.Contains(out.String(), "PASS\n") {
				t.Errorf("got the line that stands before every result: %q", out.String())
			}
		})
	}
}

func TestReportRefusesWhatIsNotJSON(t *testing.T) {
	if err := (&report{out: new(strings.Builder)}).read(strings.NewReader("panic: no\n")); err == nil {
		t.Error("text that is not JSON was accepted")
	}
}
