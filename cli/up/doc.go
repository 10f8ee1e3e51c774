// Package up runs a whole Holdfast on this machine for as long as a command
// runs: a server, and an agent that is enrolled with it. It is for trying
// Holdfast out and for a single server; a service manager does the same in
// earnest, with packaging/systemd.
//
// A [Child] is a program with its output in a log file. One that ends by
// itself is started again, soon at first and then ever later; one that cannot
// even start is an error that carries what the program said last. [Run] puts
// the two together the way a person would: it starts the server, logs in with
// the first password, makes an enrolment token, enrols the agent and starts it.
package up
