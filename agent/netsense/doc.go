// Package netsense reports network connections and listening sockets with the
// process that owns them.
//
// It asks the kernel for its TCP and connected UDP sockets (sock_diag(7)) and
// reports the difference to its last look. It looks when the kernel's counts of
// sockets, read up to four times a second, have changed, and at intervals of one to
// five seconds otherwise. Between two looks the kernel itself announces sockets
// that end, so that connections too short to be seen are still reported,
// without their process; where the host tracks connections, conntrack's
// announcements of new flows start a look at once and add datagram flows that
// no socket shows. Tracking is never switched on for this. The owner of a
// socket is found in /proc by its inode, with a budget per look. Looks take at
// most a hundredth of a core: what costs more is done more rarely.
//
// The first look reports what is open already, with the time of that look.
//
// Nothing is changed on the host: no audit rule, no packet filter, no probe.
// Other network namespaces, those of containers, are looked into through a
// socket opened inside each.
//
// What this cannot see: the process of a connection that lived for less than
// one look, datagrams of unconnected sockets on hosts that track nothing, and
// sockets of a namespace that came and went between two looks at /proc.
//
// The package trusts the kernel's messages but checks every length in them.
package netsense
