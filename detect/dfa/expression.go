package dfa

// Expression runs one expression for one goroutine. The zero value is ready.
type Expression struct {
	used    int
	machine *Machine
}

// often is from how many uses on an expression gets a machine, which takes as
// long to make as some of them do.
const often = 32

// Precondition tells texts at a glance that an expression cannot match.
type Precondition interface {
	// Possible reports whether there may be a match in the text.
	Possible(text string) bool
}

// Regexp is an expression of package regexp.
type Regexp interface {
	String() string
	MatchString(text string) bool
}

// Match reports whether re, which must always be the same, matches a text. What
// the precondition rules out must not match.
func (e *Expression) Match(re Regexp, needs Precondition, text string) bool {
	if e.machine != nil {
		if matched, ok := e.machine.Match(text); ok {
			return matched
		}
		e.machine = nil // for good: used stays beyond
	}
	if !needs.Possible(text) {
		return false
	}
	if e.used++; e.used == often {
		e.machine = New(re.String())
	}
	return re.MatchString(text)
}
