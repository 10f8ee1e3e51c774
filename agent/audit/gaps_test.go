package audit

import "testing"

func TestGapsAreCountedOnce(t *testing.T) {
	type step struct {
		missing, lost uint64
		numbered      bool
		want          uint64
	}
	for name, steps := range map[string][]step{
		"a listener's overflow is nowhere else": {{missing: 7, want: 7}, {missing: 9, want: 9}},
		"a full backlog leaves no gap":          {{lost: 50}, {missing: 3, lost: 50, want: 3}},
		"the rate limit's loss is the kernel's": {{missing: 4, lost: 20, numbered: true}},
		"gaps show later than losses":           {{lost: 5, numbered: true}, {missing: 5, lost: 5, numbered: true}},
		"more gaps than the kernel lost":        {{missing: 8, lost: 5, numbered: true, want: 3}, {missing: 9, lost: 5, numbered: true, want: 4}},
		"a number comes late":                   {{missing: 5, lost: 5, numbered: true}, {missing: 2, lost: 5, numbered: true}},
		"a loss before the limit was set":       {{lost: 5}, {missing: 2, lost: 6, numbered: true, want: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var g gaps
			for i, s := range steps {
				if got := g.unexplained(s.missing, s.lost, s.numbered); got != s.want {
					t.Errorf("step %d: %d unexplained, want %d", i, got, s.want)
				}
			}
		})
	}
}
