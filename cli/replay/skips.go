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
	First  []int  `json:"first"`  // the first of the lines in that file, at most five
}

// Bounds of what is remembered of skipped lines. Reasons hold no text of the
// line, so there are few.
const (
	maxReasons = 64
	maxSample  = 200 // bytes
	maxFirst   = 5   // line numbers
)

// skips collects what was left out.
type skips struct {
	byReason map[string]*Skip
	total    int
}

func (s *skips) add(reason, file string, line int, text []byte) {
	s.total++
	k := s.of(reason)
	k.Lines++
	if k.Lines == 1 {
		k.File, k.Line, k.Sample = file, line, string(text[:min(len(text), maxSample)])
	}
	if len(k.First) < maxFirst && k.File == file {
		k.First = append(k.First, line)
	}
}

// of returns the entry of a reason, or where there are too many the one of all
// others.
func (s *skips) of(reason string) *Skip {
	if s.byReason == nil {
		s.byReason = make(map[string]*Skip)
	}
	if s.byReason[reason] == nil && len(s.byReason) >= maxReasons {
		reason = "other reasons"
	}
	if s.byReason[reason] == nil {
		s.byReason[reason] = &Skip{Reason: reason}
	}
	return s.byReason[reason]
}

// list returns the skips, most lines first; never nil.
func (s *skips) list() []Skip {
	list := make([]Skip, 0, len(s.byReason))
	for _, k := range s.byReason {
		entry := *k
		entry.First = slices.Clone(k.First)
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b Skip) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}
