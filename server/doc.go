// Package server is the Holdfast server: it wires the areas below it together,
// starts and stops them, and holds what belongs to none of them alone.
//
// [New] takes a [Config] and makes a [Server] of it; [Server.Start] brings it up
// and returns, [Server.Stop] takes it down in the reverse order under one
// deadline. [Command] is the command line of holdfast-server around that:
// running, checking the configuration, backup and restore, and setting a
// forgotten password anew.
//
// Everything the server keeps lies in one data directory: the state's database
// (unless it is PostgreSQL), the segments of telemetry, the stream, and the keys.
// One server uses a data directory at a time, which a lock ensures. The
// directory is for its owner alone: it holds the keys that agents obey, and
// telemetry with command lines.
package server
