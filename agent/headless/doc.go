// Package headless runs the agent without a server and without a terminal:
// sensors and detection in one process, alerts (and events, where asked for) as
// JSON lines to standard output or to a bounded, rotated file.
//
// [Run] is all that the command holdfast-agent does. The lines are those of
// finding.Alert, which have the key alert_type, and of event.Event, which have
// the key class_name. Repeats of an event are aggregated, unless the
// configuration says otherwise: the first is written at once, those that follow
// within the window as one event with a count. Detection sees all. An alert that repeats is written again with the same uid
// and a higher count.
package headless
