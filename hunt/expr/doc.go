// Package expr turns the expressions of a hunt into functions over rows, after
// it has checked names and types.
//
// Two rules hold throughout. A value that is absent equals only what is absent
// too and the empty text; no other comparison with it holds. And what is
// negated (!=, !contains, not) is exactly the contrary, so that it holds for
// what is absent. On a list a comparison holds where it does for one member.
//
// Patterns are RE2, which take time in proportion to the text.
package expr
