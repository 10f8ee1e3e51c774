// Package correlation joins matches of rules into matches of correlations:
// counts of events and of values, and sequences, for each entity within a time.
//
// [Resolve] says which correlations can work with the rules that are there. A
// [State] is told of every match of a rule that they join, one after the other,
// and says which correlations that completes. What it knows of a match is the
// interface [Match]; which documents and which fields are behind it, and that a
// completed correlation may itself be joined by others, is the caller's affair.
//
// Who sends the events chooses the entities and the values that are told apart.
// Hence each correlation remembers a bounded number of them, forgets the one
// unheard of for longest, and counts what it forgot.
package correlation
