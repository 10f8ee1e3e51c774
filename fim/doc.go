// Package fim is the vocabulary of file integrity monitoring: what the state
// of a path is, which paths are watched, how two states differ, and how a whole
// tree is summed up in one hash that can be proved file by file.
//
// A [State] is what was found at a path: its [Stat], which one system call
// tells, and its [Detail], which has to be read: digest of the content, target
// of a link, extended attributes. [Compare] tells two states apart in words. A
// [Selection] says what is watched; [Compile] makes it fast. [Tree] computes
// the Merkle tree of a root, and a [Proof] shows that one file belongs to it.
//
// The package is pure: it reads no file and knows no operating system. Walking,
// hashing and keeping are the agent's.
//
// Names, link targets and extended attributes are bytes that anybody on a host
// may choose. They are kept as they are, compared as bytes and escaped in every
// text made here.
package fim
