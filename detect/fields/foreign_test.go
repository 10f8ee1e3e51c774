package fields_test

import (
	"slices"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

func TestForeignReference(t *testing.T) {
	if !slices.Contains(fields.Channels(), fields.Channel{Name: "security", Service: "security"}) {
		t.Error("the channel Security is missing")
	}
	list := fields.ForeignCategories()
	found := slices.ContainsFunc(list, func(e fields.EventCategories) bool {
		return e.Service == "sysmon" && e.EventID == 1 && slices.Equal(e.Categories, []string{"process_creation"})
	})
	if !found || len(list) < 30 {
		t.Errorf("%d events, Sysmon's first among them: %t", len(list), found)
	}
	if fields.ProcessFields()["NewProcessName"] != "Image" || !slices.Contains(fields.Envelopes(), "winlog.event_data.") {
		t.Error("names or envelopes are missing")
	}
}

func TestTimeIsAField(t *testing.T) {
	rules, err := sigma.Parse("t.yml", []byte("title: t\nlogsource: {product: linux}\ndetection: {s: {Time|hour|gte: 22}, condition: s}"))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := detect.Compile(rules)
	mapper, m := fields.NewMapper(set), set.NewMatcher(detect.Limits{})
	for hour, want := range map[int]int{21: 0, 22: 1} {
		ev := &event.Event{
			Time: time.Date(2026, 3, 1, hour, 59, 0, 0, time.UTC), Class: event.ClassProcessActivity, Activity: event.ProcessLaunch, Process: &event.Process{PID: 7},
		}
		matches := 0
		mapper.Each(ev, func(d *detect.Document) { m.Match(d, func(detect.Match) { matches++ }) })
		if matches != want {
			t.Errorf("at %d hours: %d matches, want %d", hour, matches, want)
		}
	}
}
