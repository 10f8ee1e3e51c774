// Package telemetrytest makes realistic telemetry for benchmarks, tests and
// demonstrations: the events of a fleet of Linux servers on which people log
// on, jobs run, services answer and containers check their health.
//
// The events are deterministic: the same seed gives the same fleet and the
// same events. Proportions, lineages, command lines and gaps in time follow
// what audit and perf deliver on such machines: about a third of the events
// are program starts, nearly as many ends, the rest connections, files, logons
// and a few of everything else. Nothing in them is an attack.
package telemetrytest
