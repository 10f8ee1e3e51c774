// Package headless is the command holdfast-agent: it enrols a host, runs its
// sensors without a terminal, and says how they are doing.
//
// On an enrolled host [Run] brings events to the spool, and from there to the
// server, which says by its policy which sensors run. A new policy is put in
// force whole, or refused whole with a warning that the server sees.
//
// Without a server, or beside it, detection runs in the same process, with
// Holdfast's own rules, those of the configuration, and those that the server
// sends, which are in force whole or refused whole. Alerts (and events, where
// asked for) go as JSON lines to standard output or to a bounded, rotated file.
// The lines are those of finding.Alert, which have the key alert_type, and of
// event.Event, which have the key class_name. Repeats of an event are
// aggregated, unless the configuration says otherwise: the first is written at
// once, those that follow within the window as one event with a count.
// Detection sees all. An alert that repeats is written again with the same uid
// and a higher count.
package headless
