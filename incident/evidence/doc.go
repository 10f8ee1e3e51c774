// Package evidence is what incidents are made of: signals, the things that they
// have to do with, and how a signal is made of an alert.
//
// It bounds everything that comes from hosts and judges what a thing says at
// all: the account root, a loopback address, or a process that starts
// everything else tie nothing together.
package evidence
