package alertset

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// week is a quiet scenario with one attack of two steps on web.
func week(t *testing.T) Scenario {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("time,name,ip,host,short,time_label,event_label\n")
	for hour := range 72 {
		fmt.Fprintf(&csv, "%d,Log in,10.0.0.2,mail,W-Sys-Dov,false_positive,-\n", 1_600_000_000+3600*hour)
	}
	for i := range 100 {
		fmt.Fprintf(&csv, "%d,Many errors,10.0.0.1,web,W-All-Mul3,scan,scan\n", 1_600_180_000+i)
	}
	csv.WriteString("1600180200,Changed user,10.0.0.1,web,W-Aut-Uid,root,root\n")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(csv.String()))
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "week_alerts.csv.gz"), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := Load(dir)
	if err != nil || len(all) != 1 || all[0].Name != "week" {
		t.Fatalf("%d scenarios, %v", len(all), err)
	}
	return all[0]
}

func TestJudge(t *testing.T) {
	s := week(t)
	if s.Hosts() != 2 || len(s.Alerts) != 173 {
		t.Fatalf("%d hosts, %d alerts", s.Hosts(), len(s.Alerts))
	}
	for name, g := range map[string]Grouping{"engine": s.Correlate(nil), "host": s.ByHost(), "any": s.ByAnyEvidence()} {
		v := s.Judge(g)
		if v.Purity != 1 || v.Completeness != 1 || v.Steps != 1 || v.KindPurity != 1 || v.KindComplete != 1 {
			t.Errorf("%s: %s", name, v)
		}
	}
	v := s.Judge(s.ByRule())
	if v.Purity != 1 || v.Completeness != 100.0/101 || v.Steps != 0.5 || v.Incidents != 1 || v.Benign != 0 {
		t.Errorf("by rule: %s", v)
	}
}

func TestFalseAlarmsCountHoursWithoutAttack(t *testing.T) {
	s := week(t)
	rates := FalseAlarms([]Scenario{s})
	if got, want := rates["W-Sys-Dov"], 72/(s.Days()*2); got != want || rates["W-All-Mul3"] != 0 {
		t.Errorf("rates are %v, want %v for logins and none for the scan", rates, want)
	}
}

func TestBadDataIsRefused(t *testing.T) {
	for _, text := range []string{"", "time,name\n", "a,b,c,d,e,f,g\nnow,b,c,d,e,f,g\n"} {
		if _, err := parse(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("an empty folder was read")
	}
}
