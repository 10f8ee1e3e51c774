// Package journal reads systemd journal files without libsystemd.
//
// It implements what a reader that follows a log needs of the documented
// format (https://systemd.io/JOURNAL_FILE_FORMAT/): the header, the chain of
// entry arrays, entries and their data objects, in the regular and the compact
// layout, with zstd compression. Hash tables, tags and sealing are not looked
// at. Fields compressed by LZ4 or XZ, the defaults before systemd 246, are left
// out of an entry and counted; most messages are too short to be compressed.
//
// Files are read with pread, never mapped: a journal that shrinks while it is
// read gives an error, not a signal. Every offset and length is checked, every
// field is bounded, and a chain of arrays has to go forward, so that a damaged
// or hostile file ends in an error after bounded work.
package journal
