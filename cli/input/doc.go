// Package input reads recorded logs for replay: plain, gzip and zstd files,
// rotated sets and standard input, line by line, telling for each line which
// format it is in.
//
// Nothing is guessed from names: compression is recognised by its magic
// bytes and the format by each line, so a file may mix audit records, syslog
// and JSON. [Sets] puts rotated files into the order of their age.
//
// Logs are hostile input: lines and the output of decompressors are bounded.
// What a line means is left to the parsers of the agent's packages.
package input
