// Package aggregate computes what a hunt says of a group of rows: how many,
// how many different ones, sums and so on.
//
// States are fed one value at a time, in any order, and give the same result
// in each. What they hold is bounded: beyond a few thousand different values
// they are estimated, and sets keep so many.
package aggregate

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/hunt/value"
)

// State is an aggregate of one group so far.
type State interface {
	// Add takes a value into account and returns by how many bytes the state
	// grew. What is absent does not count, except for [Count].
	Add(v value.Value) int64
	Result() value.Value
}

// Count returns a state that counts what it is given.
func Count() State { return new(count) }

type count int64

func (c *count) Add(value.Value) int64 { *c++; return 0 }
func (c *count) Result() value.Value   { return value.OfInt(int64(*c)) }

// CountIf returns a state that counts what is true.
func CountIf() State { return new(countIf) }

type countIf int64

func (c *countIf) Add(v value.Value) int64 {
	if v.Bool() {
		*c++
	}
	return 0
}
func (c *countIf) Result() value.Value { return value.OfInt(int64(*c)) }

// Min and Max return states of the first and the last in the order of values.
func Min() State { return &extreme{sign: -1} }

// Max is the contrary of [Min].
func Max() State { return &extreme{sign: 1} }

type extreme struct {
	sign int
	best value.Value
}

func (x *extreme) Add(v value.Value) int64 {
	if v.IsAbsent() || !x.best.IsAbsent() && v.Compare(x.best)*x.sign <= 0 {
		return 0
	}
	grown := v.Size() - x.best.Size()
	x.best = v
	return grown
}
func (x *extreme) Result() value.Value { return x.best }

// Sum returns a state of the sum of numbers or durations, absent where there
// is none. Integers are added exactly; a sum beyond 64 bits becomes a real.
func Sum() State { return new(sum) }

// Mean returns a state of the mean of numbers or durations.
func Mean() State { return &sum{mean: true} }

type sum struct {
	mean      bool
	kind      value.Kind
	count     int64
	low, high int64 // of integers: low 32 bits and the rest, so that nothing overflows
	real      float64
}

func (s *sum) Add(v value.Value) int64 {
	switch v.Kind() {
	case value.Real:
		s.real += v.Real()
	case value.Int, value.Duration:
		s.low += v.Int() & math.MaxUint32
		s.high += v.Int() >> 32
	default:
		return 0
	}
	s.kind = max(s.kind, v.Kind())
	s.count++
	return 0
}

func (s *sum) Result() value.Value {
	if s.count == 0 {
		return value.Value{}
	}
	whole := new(big.Int).Lsh(big.NewInt(s.high), 32)
	whole.Add(whole, big.NewInt(s.low))
	f, _ := new(big.Float).SetInt(whole).Float64()
	f += s.real
	switch {
	case s.kind == value.Duration && s.mean:
		return value.OfDuration(time.Duration(f / float64(s.count)))
	case s.kind == value.Duration:
		return value.OfDuration(time.Duration(min(max(f, math.MinInt64), math.MaxInt64/2)))
	case s.mean:
		return value.OfReal(f / float64(s.count))
	case s.kind == value.Int && whole.IsInt64():
		return value.OfInt(whole.Int64())
	}
	return value.OfReal(f)
}

// Bounds of a [Set].
const (
	UsualSet = 128
	LargeSet = 1000
)

// Set returns a state of the different texts of the values, of which it keeps
// the first so many in alphabetical order. Lists add their members.
func Set(most int) State { return &set{most: most} }

type set struct {
	most  int
	texts []string // sorted
}

func (s *set) Add(v value.Value) (grown int64) {
	if v.Kind() == value.List {
		for _, text := range v.List() {
			grown += s.add(text)
		}
		return grown
	}
	if v.IsAbsent() {
		return 0
	}
	return s.add(v.String())
}

func (s *set) add(text string) int64 {
	i, found := slices.BinarySearch(s.texts, text)
	if found || i == s.most || text == "" {
		return 0
	}
	grown := int64(len(text)) + 16
	if len(s.texts) == s.most {
		grown -= int64(len(s.texts[s.most-1])) + 16
		s.texts = s.texts[:s.most-1]
	}
	s.texts = slices.Insert(s.texts, i, strings.Clone(text))
	return grown
}

func (s *set) Result() value.Value { return value.OfList(slices.Clone(s.texts)) }
