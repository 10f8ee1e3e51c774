// Package executable knows what the files that processes execute are: size,
// mode and owner, SHA-256, and the distribution package they belong to.
//
// Answers are cached by device, inode, change time and size, so that a file is
// hashed once per state of its content. Small files are hashed at once; large
// ones by a worker behind a bounded queue, and the processes after that have
// the hash. Paths come from hostile processes: only regular files are opened,
// and a file is taken for the one executed only when its inode agrees.
package executable
