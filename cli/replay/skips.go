package replay

import (
	"cmp"
	"slices"
)

// Skip says how many lines were left out for one reason, with the first of
// them as an example.
type Skip struct {
	Reason string `json:"reason"`
	Lines  int    `json:"lines"`
	File   string `json:"file"`   // of the example
	Line   int    `json:"line"`   // of the example, from 1
	Sample string `json:"sample"` // its beginning; hostile
}

// Bounds of what is remembered of skipped lines. Reasons hold no text of the
// line, so there are few.
const (
	maxReasons = 64
	maxSample  = 200 // bytes
)

// skips collects what was left out.
type skips struct {
	byReason map[string]*Skip
	total    int
}

func (s *skips) add(reason, file string, line int, text []byte) {
	s.total++
	if k := s.byReason[reason]; k != nil {
		k.Lines++
		return
	}
	if s.byReason == nil {
		s.byReason = make(map[string]*Skip)
	}
	if len(s.byReason) >= maxReasons {
		reason = "other reasons"
		if k := s.byReason[reason]; k != nil {
			k.Lines++
			return
		}
	}
	s.byReason[reason] = &Skip{
		Reason: reason, Lines: 1, File: file, Line: line, Sample: string(text[:min(len(text), maxSample)]),
	}
}

// list returns the skips, most lines first; never nil.
func (s *skips) list() []Skip {
	list := make([]Skip, 0, len(s.byReason))
	for _, k := range s.byReason {
		list = append(list, *k)
	}
	slices.SortFunc(list, func(a, b Skip) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}
