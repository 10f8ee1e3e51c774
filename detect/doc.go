// Package detect is the rule engine: it says which Sigma rules an event
// matches, and why.
//
// [Compile] turns rules into a [Ruleset], an immutable index. Its idea: the
// cost of an event must not grow with the number of rules. Rules are routed by
// log source; the literals of all rules that share a log source and a field are
// found in one pass over the field's value (package ahocorasick); every rule
// has, where it can, a set of witness literals of which one must be present
// when the rule matches, so that only rules whose witness turned up are
// evaluated, as short programs over predicates that the passes have mostly
// answered already. Of regular expressions it learns what literals their
// matches hold (package literals), so that one runs only where these turned up,
// and not at all where they say everything; one that runs often does so as an
// automaton of its own (package dfa). The parts of a rule are tested in
// the order of what they cost for the chance that they settle it. Rules without
// a witness are evaluated for every event of their log source, and [Stats]
// counts them.
//
// A [Document] is one event as rules see it: named values. A [Matcher] matches
// documents and holds the bounded state of correlations (package correlation):
// counts and sequences within a time. [Document.Explain] tells for any rule and
// document which tests hold and which do not; it is a plain, separate
// evaluation, which the tests hold the index against.
//
// Text is compared without regard to case, by the simple case folding of
// Unicode that regular expressions also use. Everything in a document may come
// from an attacker; nothing here grows with it beyond fixed bounds, and regular
// expressions run in linear time.
package detect
