// Package transport is the agent's side of everything that leaves the host:
// enrolment over HTTPS, once, and from then on one connection to the stream,
// over which frames of events and heartbeats go up and what the server signed
// comes down.
//
// [Enroll] trusts a server only by the pin in the enrolment token. [Client]
// trusts only the CA that enrolment gave, proves the host's key, and keeps one
// connection for as long as it runs; every new attempt waits a random time, so
// that a server that comes back is not run over by all its agents at once.
//
// Frames are sent in the order of the spool within a bounded window and leave
// the spool when the server has taken them. Whatever goes wrong between, they
// are sent again; the server knows them by their numbers.
//
// The network is hostile. Answers are bounded before they are read, and of
// signed messages nothing is obeyed that is not for this host, in time, and
// newer than what was obeyed before; what is refused is counted.
package transport
