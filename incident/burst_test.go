package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// hours returns signals of one rule, so many in each hour from noon on.
func hours(counts ...int) []incident.Signal {
	var all []incident.Signal
	for h, n := range counts {
		for i := range n {
			all = append(all, signal(fmt.Sprintf("%d-%d", h, i), "errors", "web", 60*float64(h)+50*float64(i)/float64(n), "reconnaissance"))
		}
	}
	return all
}

// after returns an engine in which the host web was watched for some hours,
// then had those signals of one rule, and a sign of an intrusion in the end.
func after(t *testing.T, watched int, counts ...int) *incident.Engine {
	t.Helper()
	e := incident.New(incident.Limits{})
	e.Add(signal("begin", "start", "web", -60*float64(watched), "execution"))
	for i, s := range hours(counts...) {
		e.Add(s)
		if i == 100 {
			e = again(t, e)
		}
	}
	last := signal("shell", "shell", "web", 60*float64(len(counts)), "execution")
	last.Time = last.Time.Add(-5 * time.Minute)
	e.Add(last)
	return e
}

// TestBurstsCount compares what is louder than ever before with what is not.
func TestBurstsCount(t *testing.T) {
	for _, test := range []struct {
		name    string
		watched int // hours before
		counts  []int
		loud    string // what the story says of it
	}{
		{"as ever", 48, []int{5, 0, 7}, ""},
		{"ten times", 48, []int{5, 0, 60}, "about 12 times as often as ever before"},
		{"a thousand times", 48, []int{1, 0, 2500}, "about 1000 times as often as ever before"},
		{"never before", 48, []int{0, 0, 300}, "about 300 times as often as ever before"},
		{"a scan like that before", 48, []int{300, 0, 300}, ""},
		{"a host that is new", 2, []int{1, 0, 300}, ""},
	} {
		e := after(t, test.watched, test.counts...)
		inc := only(t, e)
		text := ""
		for _, line := range inc.Story {
			if line.Title == "Title of errors" {
				text = line.Text // of the last
			}
		}
		if loud := strings.Contains(text, "in one hour about"); loud != (test.loud != "") || !strings.Contains(text, test.loud) {
			t.Errorf("%s: the story says %q", test.name, text)
		}
	}
	quiet, loud := only(t, after(t, 48, 1, 0, 2)), only(t, after(t, 48, 1, 0, 2000))
	if loud.Score <= quiet.Score || quiet.Severity >= finding.High || loud.Severity < quiet.Severity {
		t.Errorf("scores are %.2f (%s) and %.2f (%s) with a burst", quiet.Score, quiet.Severity, loud.Score, loud.Severity)
	}
}
