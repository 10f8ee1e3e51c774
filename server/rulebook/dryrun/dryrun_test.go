package dryrun

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/store"
)

const texts = `title: Netcat
id: 0b8f5f0a-1111-4222-8333-444455556601
logsource: {product: linux, category: process_creation}
detection:
  selection: {Image|endswith: /nc}
  condition: selection
---
title: Many netcats
id: 0b8f5f0a-1111-4222-8333-444455556602
correlation: {type: event_count, rules: [0b8f5f0a-1111-4222-8333-444455556601], group-by: [User], timespan: 1m, condition: {gte: 3}, generate: true}
level: high
`

// origin is the path of the rules that count.
const origin = "console/text.yml"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// kept is telemetry: events in the order of time, given out in small parts, each
// after a delay.
type kept struct {
	events  []event.Event
	delay   time.Duration
	partial bool
	err     error
}

func (k *kept) Events(ctx context.Context, f store.EventFilter) (store.List[event.Event], error) {
	select {
	case <-ctx.Done():
		return store.List[event.Event]{}, ctx.Err()
	case <-time.After(k.delay):
	}
	if k.err != nil {
		return store.List[event.Event]{}, k.err
	}
	if !f.OldestFirst {
		return store.List[event.Event]{}, errors.New("correlations need the order of time")
	}
	const size = 10
	from, _ := strconv.Atoi(f.After)
	to := min(from+size, len(k.events))
	list := store.List[event.Event]{Items: k.events[from:to]}
	if to < len(k.events) {
		list.Next = strconv.Itoa(to)
	}
	if k.partial {
		return list, fmt.Errorf("a segment: %w", store.ErrPartial)
	}
	return list, nil
}

// launch is a start of a program.
func launch(at time.Time, host event.HostID, path string) event.Event {
	return event.Event{
		Time: at, Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Host: host,
		Process: &event.Process{Executable: &event.File{Path: path}, Name: "x", User: event.User{Name: "root"}, Arguments: []string{path}},
	}
}

func try(t *testing.T, k *kept, since, until time.Time) (api.RuleDryRunResult, error) {
	t.Helper()
	set := &rulefiles.Set{}
	set.AddFiles("console/", map[string][]byte{"text.yml": []byte(texts)})
	set.AddFiles("other/", map[string][]byte{"all.yml": []byte("title: All\nlogsource: {product: linux}\ndetection: {selection: {Image|contains: /}, condition: selection}\n")})
	compiled := set.Compile()
	if len(set.Refused) > 0 {
		t.Fatal(set.Refused)
	}
	return Run(t.Context(), k, Query{Rules: compiled, Path: origin, Since: since, Until: until})
}

func TestMatchesAreCounted(t *testing.T) {
	k := &kept{}
	for i := range 60 {
		path := "/bin/ls"
		if i%10 == 0 {
			path = "/bin/nc"
		}
		k.events = append(k.events, launch(noon.Add(time.Duration(i)*time.Minute), event.HostID(fmt.Sprint("h", i%20/10)), path))
	}
	for i := range 3 { // within a minute, on one host; and two on another, which count apart
		k.events = append(k.events, launch(noon.Add(60*time.Minute+time.Duration(i)*time.Second), "h2", "/usr/bin/nc"))
		k.events = append(k.events, launch(noon.Add(60*time.Minute+time.Duration(i)*time.Second), event.HostID(fmt.Sprint("h", 3+i)), "/usr/bin/nc"))
	}
	got, err := try(t, k, noon, noon.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got.Scanned != 66 || got.Matched != 6+6+1 || !got.Complete || got.Stopped != "" || !got.Until.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("got %+v", got)
	}
	if len(got.Rules) != 2 || got.Rules[0].Label != "Netcat" || got.Rules[0].Count != 12 || got.Rules[1].Count != 1 {
		t.Errorf("rules %+v", got.Rules)
	}
	if got.Hosts[0].Key != "h2" || got.Hosts[0].Count != 4 || len(got.Hosts) != 6 {
		t.Errorf("hosts %+v", got.Hosts)
	}
	var sum int64
	for i, b := range got.Over {
		sum += b.Count
		if !b.Start.Equal(noon.Add(time.Duration(i) * 5 * time.Minute)) {
			t.Errorf("bucket %d begins at %v", i, b.Start)
		}
	}
	if sum != got.Matched || len(got.Over) != 24 || got.Over[12].Count != 7 {
		t.Errorf("over time %+v", got.Over)
	}
	if len(got.Events) != 13 || got.Events[0].Matches[0].Field != "Image" || got.Events[0].Event.Process.Executable.Path != "/bin/nc" {
		t.Errorf("events %+v", got.Events[:1])
	}
}

func TestTheBudgetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{delay: 12 * time.Second}
		for i := range 100 {
			k.events = append(k.events, launch(noon.Add(time.Duration(i)*time.Minute), "h1", "/bin/nc"))
		}
		got, err := try(t, k, noon, noon.Add(10*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		last := noon.Add(19 * time.Minute)
		if got.Complete || got.Stopped == "" || got.Scanned != 20 || got.Matched != 20 || !got.Until.Equal(last) || got.TookMS != Budget.Milliseconds() {
			t.Errorf("got %+v", got)
		}
		if len(got.Over) != 2 { // of 15 minutes each: nothing is said of what was not looked at
			t.Errorf("over time %+v", got.Over)
		}
	})
}

func TestDamageIsSaid(t *testing.T) {
	k := &kept{events: []event.Event{launch(noon, "h1", "/bin/nc")}, partial: true}
	got, err := try(t, k, noon, noon.Add(time.Hour))
	if err != nil || got.Complete || got.Matched != 1 || got.Stopped == "" {
		t.Errorf("%+v, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err := try(t, &kept{err: broken}, noon, noon.Add(time.Hour)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	got, err = try(t, &kept{}, noon, noon.Add(time.Nanosecond))
	if err != nil || !got.Complete || len(got.Over) != 1 {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestBucketsAreFew(t *testing.T) {
	for d := time.Nanosecond; d < 200*365*24*time.Hour; d *= 3 {
		if n := int64(d-1)/int64(width(d)) + 1; n > maxBuckets {
			t.Errorf("%v is cut into %d", d, n)
		}
	}
}
