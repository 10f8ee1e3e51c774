package syntax

import "github.com/holdfast-security/holdfast/hunt/value"

// Span is a part of the query, in bytes from its start; the end is exclusive.
type Span struct{ Start, End int }

// Query is a whole query.
type Query struct {
	Source Name
	Stages []Stage
}

// Name is a word with its place.
type Name struct {
	Text string
	Span
}

// Stage is what stands behind a |. The types that implement it are those
// below.
type Stage interface{ Place() Span }

// Place returns the span itself, so that all that has one is in place.
func (s Span) Place() Span { return s }

// The stages.
type (
	// Where keeps the rows that meet a condition.
	Where struct {
		Span
		Condition Expr
	}
	// Search keeps the events in one of whose texts is Text.
	Search struct {
		Span
		Text string
	}
	// Project replaces the columns by others.
	Project struct {
		Span
		Columns []Column
	}
	// Extend adds columns.
	Extend struct {
		Span
		Columns []Column
	}
	// Distinct keeps one row of each combination.
	Distinct struct {
		Span
		Columns []Column
	}
	// Summarize makes one row of each group.
	Summarize struct {
		Span
		Values []Column
		By     []Column
	}
	// Sort orders the rows, and keeps the first of them where Take is not
	// negative, as the stage top does.
	Sort struct {
		Span
		Keys []Key
		Take int
	}
	// Take keeps so many rows.
	Take struct {
		Span
		Count int
	}
	// Count makes a row of how many there are.
	Count struct{ Span }
)

// Column is an expression with the name of its column; "" where none is given.
type Column struct {
	Name Name
	Expr Expr
}

// Key is what rows are ordered by.
type Key struct {
	Expr       Expr
	Descending bool
}

// Expr is an expression. The types that implement it are those below.
type Expr interface{ Place() Span }

// The expressions.
type (
	// Ref is a field or a column by its name.
	Ref struct{ Name }
	// Literal is a value as it is written. The empty text is absent, as it is
	// in events.
	Literal struct {
		Span
		Value value.Value
		Kind  value.Kind // of Value, and Text for the empty text
	}
	// Call is a function with its arguments.
	Call struct {
		Span
		Function  Name
		Arguments []Expr
	}
	// Binary joins two expressions: and, or, a comparison, arithmetic.
	Binary struct {
		Span
		Op          Name // lower case, as "matches regex", "!contains", "=="
		Left, Right Expr
	}
	// Not is the contrary of a condition.
	Not struct {
		Span
		Operand Expr
	}
	// Negative is the negative of a number.
	Negative struct {
		Span
		Operand Expr
	}
	// In asks whether a value is one of a list.
	In struct {
		Span
		Operand Expr
		List    []Expr
		Fold    bool // ignoring case
		Not     bool
	}
	// Between asks whether a value is in a range, both ends included.
	Between struct {
		Span
		Operand   Expr
		Low, High Expr
		Not       bool
	}
)
