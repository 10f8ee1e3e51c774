package event_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-security/holdfast/event"
)

func TestEventSurvivesJSON(t *testing.T) {
	init := &event.Process{UID: event.ProcessUID{PID: 1}, PID: 1, Name: "systemd"}
	want := event.Event{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC), Class: event.ClassAuthentication,
		Activity: event.AuthLogon, Status: event.StatusFailure, Source: event.SourceAudit, Serial: 7,
		Count: 3, Last: time.Date(2026, 3, 1, 12, 0, 9, 0, time.UTC),
		Process: &event.Process{
			UID: event.ProcessUID{Boot: event.BootID{1, 2, 0xff}, PID: 77, Start: 990000000}, PID: 77, Parent: init,
			Executable: &event.File{Path: "/usr/sbin/sshd", Owned: event.OwnedYes}, Arguments: []string{"sshd", "a\nb"},
			Entry: event.EntryPoint{Kind: event.EntrySSH, Address: "192.0.2.7"},
		},
		User:    &event.User{UID: 1000, Name: "eve"},
		Logon:   &event.Logon{Service: "sshd", Address: netip.MustParseAddr("192.0.2.7"), Port: 4711},
		Records: []event.Record{{Type: "USER_LOGIN", Fields: []event.Pair{{Name: "res", Value: "failed"}}}},
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got event.Event
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatalf("unmarshal %s: %v", data, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("event changed on its way through JSON (-want +got):\n%s", diff)
	}
}

func TestActivityNamesRoundTrip(t *testing.T) {
	for _, class := range event.Classes() {
		for a := event.Activity(1); a < event.ActivityOther; a++ {
			name := class.Name(a)
			if name == "other" {
				continue
			}
			back, err := class.Activity(name)
			if err != nil || back != a {
				t.Errorf("%s: activity %d is named %q, which reads back as %d, %v", class, a, name, back, err)
			}
		}
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"class_name":"no_such_class"}`,
		`{"class_name":"process_activity","activity_name":"dance"}`,
		`{"class_name":"process_activity","activity_name":"launch","status":"maybe"}`,
		`{"class_name":"process_activity","activity_name":"launch","process":{"uid":"12-34"}}`,
		`{"class_name":"process_activity","activity_name":"launch","process":{"uid":"zz0000000000000z-1-2"}}`,
	} {
		var e event.Event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func TestLineageIsBounded(t *testing.T) {
	var p *event.Process
	for i := range uint32(3 * event.MaxLineage) {
		p = &event.Process{PID: i, Parent: p}
	}
	if n := len(p.Lineage()); n != event.MaxLineage {
		t.Errorf("lineage of a %d-deep chain has %d processes, want %d", 3*event.MaxLineage, n, event.MaxLineage)
	}
}

func TestUserString(t *testing.T) {
	for want, u := range map[string]event.User{
		"eve": {UID: 1000, Name: "eve"}, "1000": {UID: 1000}, "unset": {UID: event.UnsetUID},
	} {
		if got := u.String(); got != want {
			t.Errorf("%+v: got %q, want %q", u, got, want)
		}
	}
}

func FuzzEventJSON(f *testing.F) {
	f.Add([]byte(`{"class_name":"process_activity","activity_name":"launch","process":{"uid":"0000000000000000-1-2","args":["a"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e event.Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		out, err := json.Marshal(e)
		if err != nil {
			if strings.Contains(err.Error(), "year outside") {
				return
			}
			t.Fatalf("an event that was read cannot be written: %v", err)
		}
		if err := json.Unmarshal(out, &e); err != nil {
			t.Fatalf("own output %s is refused: %v", out, err)
		}
	})
}
