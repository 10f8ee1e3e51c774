// Package respond carries out what the server orders this host to do, each
// order once, and answers in parts.
//
// Orders arrive verified: signed for this host, in time, not replayed. Still
// nothing in them becomes a command: an action is a word from a short list,
// arguments are checked against a narrow pattern, and what is started is a
// program beside the agent's own that nobody but its owner can change, with a
// fixed environment, a time limit and bounded output.
//
// The ids and final answers of the last orders are on disk before an order is
// begun, so that neither a second delivery nor a restart runs one twice. The
// parts of answers stay there until the server has acknowledged them.
package respond
