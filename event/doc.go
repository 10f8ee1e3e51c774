// Package event is the telemetry model that every sensor fills and everything
// downstream reads: the rule engine, the terminal, the wire and the store.
//
// An [Event] says that something happened on a host: a process started, a
// module was loaded, somebody logged on. It carries the acting [Process] with
// its parents, and one detail part that its [Class] names. Class, activity and
// field names follow OCSF 1.3 (https://schema.ocsf.io) where OCSF has a word;
// what OCSF lacks (fork, audit session, entry point of a session) is added
// under plain names. The JSON form of an Event is API.
//
// Events are immutable once emitted: sensors build a new value, and readers on
// any goroutine may keep pointers into it.
//
// Every string in an event may come from an attacker: argument vectors, file
// names, user names, comm. They hold the bytes as the kernel gave them, newlines,
// terminal escapes and invalid UTF-8 included, bounded in length by the sensor.
// Whoever shows them escapes them.
package event
