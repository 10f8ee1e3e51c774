// Package incident joins signals into incidents: alerts of any severity, and
// later other findings, that belong to one attack.
//
// Signals are nodes of a graph. Edges are typed and have a strength: causes
// (one process started the other, a file was written and then run, one logon
// session, both ends of a connection) bind strongly; shared evidence binds the
// more, the fewer hosts have it; the same host alone binds nothing without a
// second reason. Edges that are strong enough join their incidents, unless
// that would make a giant: what many hosts share joins nothing, chains of
// shared evidence and gaps in time are bounded, and so is the size. Only the
// strongest edges are kept, those of a maximum spanning tree. An incident's
// score is that of its best chain of ATT&CK tactics in the order of time, each
// step weighed by how rare its rule is on that host.
//
// An [Engine] is pure and deterministic: no I/O, no clock but the signals',
// the same signals in the same order give the same incidents, and a snapshot
// restored goes on as if nothing had happened. It is for one goroutine. What
// becomes of incidents (storing, showing, telling people) is its caller's.
//
// Everything in a signal may come from an attacker who knows this code: names,
// times and the number of signals. Texts are cut, times are held to the
// server's clock, memory is bounded in bytes, and the caller's identifiers of
// hosts are the only thing believed.
package incident
