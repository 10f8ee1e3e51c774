// Package hunt answers questions to the telemetry in a language of stages, in
// the manner of the Kusto query language: conditions, computed columns,
// groups, order.
//
// [Compile] checks a query and makes a [Query] of it: what a store may leave
// out ([Bounds]), which columns of the telemetry it has to read, and the stages.
// A [Run] is one execution: whoever reads the store hands it events, from
// several goroutines at once, and takes the [Result]. What a row is computed
// from alone runs in parallel; what joins rows runs under a lock. The result
// does not depend on the order in which events come.
//
// Nothing here reads or writes anything. A query costs time in proportion to
// the events and memory up to a bound; where the bound is met the result says
// that it is not complete. Events are hostile and queries may be: the language
// has no loops, and its patterns take linear time.
package hunt
