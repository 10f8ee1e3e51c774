// Package alertset reads the AIT Alert Data Set (Landauer et al.,
// https://doi.org/10.5281/zenodo.8263181) and judges how well a grouping of its
// alerts finds the attack in each scenario.
//
// The set holds alerts of Wazuh, Suricata and AMiner with a label for those
// that an attack step caused. What it tells of an alert is its time, its rule
// and its host: no process, account, file or remote address. Severities and
// tactics are given here by what each rule says it means, never by the labels.
package alertset

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// Scenario is the alerts of one simulated network, in the order of time.
type Scenario struct {
	Name   string
	Alerts []Alert
}

// Alert is one alert of the set.
type Alert struct {
	Time  time.Time
	Rule  string // short name
	Title string
	Host  string
	Step  string // the attack step that caused it, "" for none
}

// Days returns how long the scenario lasts.
func (s Scenario) Days() float64 {
	if len(s.Alerts) == 0 {
		return 0
	}
	return s.Alerts[len(s.Alerts)-1].Time.Sub(s.Alerts[0].Time).Hours() / 24
}

// Hosts returns how many hosts have alerts.
func (s Scenario) Hosts() int {
	hosts := make(map[string]bool)
	for _, a := range s.Alerts {
		hosts[a.Host] = true
	}
	return len(hosts)
}

// Load reads all scenarios in a folder, in the order of their names.
func Load(folder string) ([]Scenario, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*_alerts.csv.gz"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no scenarios of alerts in %q", folder)
	}
	slices.Sort(names)
	var all []Scenario
	for _, name := range names {
		s, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("read alerts from %q: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func read(name string) (s Scenario, err error) {
	file, err := os.Open(name)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return s, err
	}
	s.Name, _, _ = strings.Cut(filepath.Base(name), "_")
	s.Alerts, err = parse(unpacked)
	return s, err
}

// parse reads the columns time, name, ip, host, short, time_label, event_label.
func parse(r io.Reader) ([]Alert, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord, lines.ReuseRecord = 7, true
	if _, err := lines.Read(); err != nil {
		return nil, err
	}
	seen := make(map[string]string) // one copy of each text
	text := func(s string) string {
		if _, ok := seen[s]; !ok {
			s = strings.Clone(s)
			seen[s] = s
		}
		return seen[s]
	}
	var alerts []Alert
	for {
		f, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		seconds, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return nil, err
		}
		a := Alert{Time: time.Unix(seconds, 0).UTC(), Title: text(f[1]), Host: text(f[3]), Rule: text(f[4])}
		if f[6] != "-" {
			a.Step = text(f[6])
		}
		alerts = append(alerts, a)
	}
	slices.SortStableFunc(alerts, func(a, b Alert) int { return a.Time.Compare(b.Time) })
	return alerts, nil
}

// meaning is what a rule says of itself.
type meaning struct {
	severity finding.Severity
	tactic   finding.Tactic // "" for none
}

// meanings by rule or the beginning of its short name, the longest first.
// Severities of Wazuh's rules follow its levels (to 3 informational, to 7 low,
// to 11 medium), those of Suricata its priorities (3 informational, 2 low);
// AMiner has none, and what it reports is unusual: low.
var meanings = []struct {
	prefix string
	meaning
}{
	{"W-All-Evt", meaning{finding.Informational, ""}},
	{"W-All-Ids", meaning{finding.Medium, ""}},
	{"W-All-Mul3", meaning{finding.Medium, "reconnaissance"}},
	{"W-All-Mul", meaning{finding.Medium, ""}},
	{"W-Sys-Fai", meaning{finding.Low, "credential-access"}},
	{"W-Sys", meaning{finding.Informational, ""}},
	{"W-Acc-400", meaning{finding.Low, "reconnaissance"}},
	{"W-Acc-500", meaning{finding.Low, "initial-access"}},
	{"W-Acc-Att", meaning{finding.Low, "initial-access"}},
	{"W-Acc-Sus", meaning{finding.Low, "initial-access"}},
	{"W-Acc-Cms", meaning{finding.Informational, "credential-access"}},
	{"W-Acc-Brt", meaning{finding.Medium, "credential-access"}},
	{"W-Err-Fbd", meaning{finding.Low, "reconnaissance"}},
	{"W-Mai-Brt", meaning{finding.Medium, "credential-access"}},
	{"W-Mai", meaning{finding.Low, "credential-access"}},
	{"W-Aut-Pam1", meaning{finding.Informational, ""}},
	{"W-Aut-Pam2", meaning{finding.Low, "credential-access"}},
	{"W-Aut-Pam3", meaning{finding.Medium, "credential-access"}},
	{"W-Aut-Ssh2", meaning{finding.Low, "reconnaissance"}},
	{"W-Aut-Sud", meaning{finding.Informational, "privilege-escalation"}},
	{"W-Aut-Uid", meaning{finding.Informational, "privilege-escalation"}},
	{"W-", meaning{finding.Informational, ""}},
	{"S-Flw-Nmp", meaning{finding.Low, "reconnaissance"}},
	{"S-Dns-Qry1", meaning{finding.Low, "command-and-control"}},
	{"S-Dns-Dom", meaning{finding.Low, "command-and-control"}},
	{"S-Dns", meaning{finding.Informational, "command-and-control"}},
	{"S-", meaning{finding.Informational, ""}},
	{"A-Acc-Ent", meaning{finding.Low, "execution"}},
	{"A-Acc", meaning{finding.Low, "reconnaissance"}},
	{"A-Aud-Com4", meaning{finding.Low, "impact"}},
	{"A-Aud", meaning{finding.Low, "privilege-escalation"}},
	{"A-Dns", meaning{finding.Low, "exfiltration"}},
	{"A-Mon", meaning{finding.Low, "impact"}},
	{"A-", meaning{finding.Low, ""}},
}

func meaningOf(rule string) meaning {
	for _, m := range meanings {
		if strings.HasPrefix(rule, m.prefix) {
			return m.meaning
		}
	}
	return meaning{}
}

// Severity returns how bad the alert's rule is by its own account.
func (a Alert) Severity() finding.Severity { return meaningOf(a.Rule).severity }

// Signal returns the alert, the i-th of its scenario, as the engine takes it.
func (a Alert) Signal(i int, falseAlarms map[string]float64) incident.Signal {
	m := meaningOf(a.Rule)
	s := incident.Signal{
		ID: strconv.Itoa(i), Rule: a.Rule, Title: a.Title, Text: a.Title, Severity: m.severity, Time: a.Time,
		Host: event.HostID(a.Host), HostName: a.Host, FalseAlarms: falseAlarms[a.Rule],
	}
	if m.tactic != "" {
		s.Tactics = []finding.Tactic{m.tactic}
	}
	return s
}

// FalseAlarms learns from scenarios how often each rule is wrong: in hours a
// day of one host in which it fires without an attack step.
func FalseAlarms(scenarios []Scenario) map[string]float64 {
	type slot struct {
		scenario   int
		rule, host string
		hour       int64
	}
	seen := make(map[slot]bool)
	rates := make(map[string]float64)
	days := 0.0
	for i, s := range scenarios {
		days += s.Days() * float64(s.Hosts())
		for _, a := range s.Alerts {
			k := slot{i, a.Rule, a.Host, a.Time.Unix() / 3600}
			if a.Step == "" && !seen[k] {
				seen[k] = true
				rates[a.Rule]++
			}
		}
	}
	for rule := range rates {
		rates[rule] /= days
	}
	return rates
}
