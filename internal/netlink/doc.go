// Package netlink is a small transport for the kernel's netlink sockets
// (netlink(7)): it opens a socket, joins multicast groups, sends requests,
// follows acknowledgements and dumps, reads large streams in batches, and
// takes attributes apart and puts them together.
//
// What a message means is left to the caller: audit, sock_diag and conntrack
// each know their own structures. A [Conn] waits in Go's network poller, so an
// idle one costs nothing, and every wait ends with its context.
//
// Messages come from the kernel only (others are dropped), yet every length
// in them is checked before use.
package netlink
