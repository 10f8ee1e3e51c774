// Package up keeps programs of Holdfast running on this machine for as long as
// a command runs: what a service manager does elsewhere, for trying Holdfast
// out and for small installations.
//
// A [Child] is a program with its output in a log file. One that ends by
// itself is started again, soon at first and then ever later; one that cannot
// even start is an error that carries what the program said last.
package up
