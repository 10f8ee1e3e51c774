//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/bench/table"
)

func TestRowAsJSON(t *testing.T) {
	var out bytes.Buffer
	rows := []row{
		row{Name: "cpu", Value: 3, Unit: "%", Bar: atMost(6)}.Beside("auditd", 6),
		{Name: "lost", Unit: "records", Bar: atMost(0)},
	}
	if err := table.WriteJSON(&out, rows); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"cpu","value":3,"unit":"%","bar":"<= 6","peer":"auditd","peerValue":6,"ratio":0.5}
{"name":"lost","value":0,"unit":"records","bar":"<= 0","peer":"","peerValue":null,"ratio":null}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if !json.Valid(out.Bytes()[:bytes.IndexByte(out.Bytes(), '\n')]) {
		t.Error("a row is no JSON object")
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		bar   *bar
		value float64
		want  string
	}{
		{nil, 1, ""},
		{atMost(0), 0, "ok"},
		{atMost(0), 1, "MISSED"},
		{atLeast(500), 500, "ok"},
		{atLeast(500), 499, "MISSED"},
	} {
		if got := (row{Value: tt.value, Bar: tt.bar}).Verdict(); got != tt.want {
			t.Errorf("%v against %v: got %q, want %q", tt.value, tt.bar, got, tt.want)
		}
	}
}

func TestFigure(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "60": 60, "0.50": 0.5, "1.25": 1.25, "12.3": 12.34, "1235": 1234.6, "0.0012": 0.00123, "500000": 5e5,
	} {
		if got := table.Figure(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestParseBenchmarks(t *testing.T) {
	out := []byte(`goos: linux
BenchmarkParseAndReassemble-2   	     100	    123 ns/op	  700000 records/s	       1.5 allocs/event
BenchmarkMatch/own rules 	 1 	 2.5e3 ns/op
PASS
`)
	want := []goBenchmark{
		{"ParseAndReassemble", map[string]float64{"ns/op": 123, "records/s": 700000, "allocs/event": 1.5}},
	}
	got := parseBenchmarks(out)
	if diff := cmp.Diff(want, got[:1], cmp.AllowUnexported(goBenchmark{})); diff != "" {
		t.Errorf("benchmarks (-want +got):\n%s", diff)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("%v: got %v, want %v", q, got, want)
		}
	}
}

func TestStormRowsCompare(t *testing.T) {
	m := []measurement{
		{started: 1000, seconds: 1, exec: []float64{100}},
		{started: 1000, seconds: 1, exec: []float64{150}, cpu: 60 * time.Millisecond, missing: 2},
		{started: 1000, seconds: 1, exec: []float64{140}, cpu: 50 * time.Millisecond},
		{started: 1000, seconds: 1, exec: []float64{130}, cpu: 30 * time.Millisecond},
		{started: 1000, seconds: 1, exec: []float64{130}, cpu: 90 * time.Millisecond, missing: 1},
	}
	rows := stormRows(1000, []listener{nil, &auditd{format: "ENRICHED"}, &auditd{format: "RAW"}, &ours{}, &ours{events: true}}, m)
	got := make(map[string]string)
	for _, r := range rows {
		name := strings.TrimPrefix(r.Name, "exec storm 1000/s: ") + " " + r.Peer
		got[name] = strings.Join(r.Cells()[1:7], "|")
	}
	for name, want := range map[string]string{
		"CPU, whole agent auditd enriched":         "3|% of a core|<= 6|ok|auditd enriched: 6|0.50",
		"CPU, whole agent auditd raw":              "3|% of a core|||auditd raw: 5|0.60",
		"CPU, writing every event auditd enriched": "9|% of a core|||auditd enriched: 6|1.50",
		"starts lost auditd enriched":              "1|starts|<= 0|MISSED|auditd enriched: 2|0.50",
		"slow-down of the storm auditd enriched":   "30.0|%|||auditd enriched: 50|0.60",
	} {
		if got[name] != want {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
	}
}
