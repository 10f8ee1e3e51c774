// Package sigma reads detection rules in the Sigma format, version 2
// (https://sigmahq.io/sigma-specification/), into a typed tree.
//
// [Parse] takes one YAML file, which may hold several documents: detection
// rules and correlations over them. Everything a rule says is checked here, so
// that whoever evaluates the tree meets no surprise: modifiers are resolved to
// one [Op] with parsed values, encodings (base64, UTF-16, dashes) are expanded,
// regular expressions are compiled, and the condition is an [Expr] over the
// rule's selections. Matching is the business of package detect.
//
// What Sigma leaves open is decided as follows. A regular expression is RE2 and
// matches anywhere in the value. `null` is a field that is absent, ” one that
// is present and empty. `neq` and `not` are true for absent fields. A keyword
// is looked for in every value of the event.
//
// Rule files come from users and from the internet: size, nesting, the number
// of values and of expanded patterns are bounded, and errors name the line, what
// is wrong there and what to write instead.
package sigma
