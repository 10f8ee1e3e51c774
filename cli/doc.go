// Package cli is the operator's command, holdfast: one file per subcommand.
//
// A subcommand parses flags, asks the packages that know (agent, detect,
// rules, simulate) and hands what they say to package render or to a JSON
// encoder; nothing is decided here that the agent or the engine should know.
// Results go to standard output, everything said about them to standard
// error. The shapes of JSON output and the exit codes are API, documented in
// docs/cli-json.md, which a test keeps true.
//
// Errors are one sentence: what, where, what to do. Values from the host in
// them are escaped before they are shown.
package cli
