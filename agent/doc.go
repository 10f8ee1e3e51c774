// Package agent runs the sensors of one host and turns what they emit into one
// ordered, enriched stream of events.
//
// [New] wires, [Agent.Start] starts every feature in a goroutine of its own,
// [Agent.Stop] ends them under one deadline and undoes what they changed on
// the host. Between them lies one bounded queue and one pipeline goroutine: it
// puts the events of all sensors into the order of their times (each sensor
// reads its kernel buffer in batches, so a fork may arrive after the exec that
// follows it), joins them with the process table, drops what two sensors both
// saw, and hands batches to the handler. The pipeline goroutine alone owns the
// process table; nothing in it needs a lock.
//
// Every event is accounted for: emitted by a feature = handed on + folded
// (seen by another sensor too) + dropped with its reason. [Agent.Report] shows
// the ledger. What happens to events, detection included, is the handler's.
package agent
