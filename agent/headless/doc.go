// Package headless runs the agent without a server and without a terminal:
// sensors and detection in one process, alerts (and events, where asked for) as
// JSON lines to standard output or to a bounded, rotated file.
//
// [Run] is all that the command holdfast-agent does. The lines are those of
// finding.Alert, which have the key alert_type, and of event.Event, which have
// the key class_name. An alert that repeats is written again with the same uid
// and a higher count.
package headless
