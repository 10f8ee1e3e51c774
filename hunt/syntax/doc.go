// Package syntax reads the language of hunts: a source and stages behind it,
// parted by |, in the manner of the Kusto query language.
//
// [Parse] makes a tree of a query, or the first mistake in it, with the place,
// the reason and what to write instead. What names mean is not known here.
//
// Queries come from people and are bounded: in length, depth, stages and
// members of lists.
package syntax
