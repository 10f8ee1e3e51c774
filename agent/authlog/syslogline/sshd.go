package syslogline

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
)

// sshd reads what OpenSSH logs (auth.c auth_log, auth-pam.c, auth2.c).
func (c *context) sshd() bool {
	msg := c.msg
	switch {
	case strings.HasPrefix(msg, "Accepted "):
		return c.sshAccepted(msg[len("Accepted "):])
	case strings.HasPrefix(msg, "Failed "):
		return c.sshFailed(msg[len("Failed "):])
	case strings.HasPrefix(msg, "Invalid user "):
		return c.sshInvalid(msg[len("Invalid user "):])
	case strings.HasPrefix(msg, "User ") && strings.Contains(msg, " not allowed because "):
		return c.sshDenied(msg[len("User "):])
	case strings.HasPrefix(msg, "error: PAM: "):
		return c.sshPAMError(msg[len("error: PAM: "):])
	case isSSHEnd(msg):
		c.settle(c.attempt())
		return true
	}
	return strings.HasPrefix(msg, "input_userauth_request: invalid user ") ||
		strings.HasPrefix(msg, "Postponed ") ||
		strings.HasPrefix(msg, "error: maximum authentication attempts exceeded ")
}

// isSSHEnd reports whether a message says that the connection is over.
func isSSHEnd(msg string) bool {
	msg = strings.TrimPrefix(strings.TrimPrefix(msg, "error: "), "fatal: ")
	for _, prefix := range [...]string{
		"Connection closed by ", "Connection reset by ", "Disconnected from ", "Received disconnect from ",
		"Disconnecting", "Timeout before authentication", "Write failed: ",
	} {
		if strings.HasPrefix(msg, prefix) {
			return true
		}
	}
	return false
}

// sshAccepted reads "METHOD for USER from ADDRESS port PORT ssh2[: key]". The
// account exists, so that the user's end is found from the left; what follows
// the port may be text from a certificate.
func (c *context) sshAccepted(rest string) bool {
	method, rest, ok := strings.Cut(rest, " for ")
	if !ok {
		return false
	}
	user, from, ok := strings.Cut(rest, " from ")
	addr, port, _, ok2 := cutPeer(from)
	if !ok || !ok2 {
		return false
	}
	a := c.attempt()
	a.drop() // every wrong password of sshd has a line of its own; what is left is one PAM module of several
	a.reported = true
	a.logon = event.Logon{Service: "sshd", Method: method, Address: addr, Port: port, Terminal: "ssh"}
	c.emit(c.logon(event.StatusSuccess, user, a.logon))
	return true
}

// sshFailed reads "METHOD for [invalid user ]USER from ADDRESS port PORT ssh2[: key]".
func (c *context) sshFailed(rest string) bool {
	method, rest, ok := strings.Cut(rest, " for ")
	if !ok {
		return false
	}
	if method == "none" {
		return true
	}
	a := c.attempt()
	if a.kbdint && strings.HasPrefix(method, "keyboard-interactive") {
		a.kbdint = false
		return true
	}
	l := event.Logon{Service: "sshd", Method: method, Terminal: "ssh"}
	rest, l.Invalid = strings.CutPrefix(rest, "invalid user ")
	user := sshUserFrom(rest, &l, a)
	if a.denied {
		l.Invalid = false
	}
	c.count(a, c.logon(event.StatusFailure, user, l))
	return true
}

// sshUserFrom finds the user and sets the peer in "USER from ADDRESS port PORT
// ssh2[: key]". An unknown user's name is whatever the client sent, and behind
// a public key's fingerprint the client's own certificate may speak: with both
// at once only an address that an earlier line of the process confirms counts.
func sshUserFrom(rest string, l *event.Logon, a *attempt) string {
	user, addr, port, ok := cutPeerRight(rest)
	if l.Method == "publickey" || l.Method == "hostbased" {
		left, from, _ := strings.Cut(rest, " from ")
		leftAddr, leftPort, _, leftOK := cutPeer(from)
		switch {
		case !l.Invalid || strings.Count(rest, " from ") == 1:
			user, addr, port, ok = left, leftAddr, leftPort, leftOK
		case a.logon.Address.IsValid():
			user, ok = cutKnownPeer(rest, a.logon)
			addr, port = a.logon.Address, a.logon.Port
		default:
			ok = false
		}
	}
	if !ok { // cut by sshd's own limit, or not to be trusted
		l.Address, l.Port = a.logon.Address, a.logon.Port
		user, _, _ = strings.Cut(rest, " from ")
		return user
	}
	l.Address, l.Port = addr, port
	return user
}

// cutKnownPeer finds the user in front of a peer that is known already.
func cutKnownPeer(rest string, l event.Logon) (string, bool) {
	at := " from " + l.Address.String() + " port " + strconv.Itoa(int(l.Port)) + " ssh2"
	user, _, ok := strings.Cut(rest, at)
	return user, ok
}

// sshInvalid reads "USER from ADDRESS[ port PORT]".
func (c *context) sshInvalid(rest string) bool {
	l := event.Logon{Service: "sshd", Terminal: "ssh", Invalid: true}
	user, addr, port, ok := cutPeerRight(rest)
	if !ok {
		user = rest
	}
	l.Address, l.Port = addr, port
	a := c.attempt()
	c.settle(a)
	a.logon = l
	c.p.attempts.announce(a, c.logon(event.StatusFailure, user, l))
	return true
}

// sshDenied reads "USER from ADDRESS not allowed because …". The account
// exists; the host name may stand in place of the address.
func (c *context) sshDenied(rest string) bool {
	rest, _, _ = strings.Cut(rest, " not allowed because ")
	user, from, ok := strings.Cut(rest, " from ")
	if !ok {
		return false
	}
	l := event.Logon{Service: "sshd", Terminal: "ssh"}
	setPeer(&l, from)
	a := c.attempt()
	c.settle(a)
	a.logon, a.denied = l, true
	c.p.attempts.announce(a, c.logon(event.StatusFailure, user, l))
	return true
}

// sshPAMError reads "REASON for [illegal user ]USER from HOST", which sshd
// writes for each refused answer of keyboard-interactive.
func (c *context) sshPAMError(rest string) bool {
	_, rest, ok := strings.Cut(rest, " for ")
	if !ok {
		return false
	}
	l := event.Logon{Service: "sshd", Method: "keyboard-interactive/pam", Terminal: "ssh"}
	rest, l.Invalid = strings.CutPrefix(rest, "illegal user ")
	i := strings.LastIndex(rest, " from ")
	if i < 0 {
		return false
	}
	setPeer(&l, rest[i+len(" from "):])
	a := c.attempt()
	if a.denied {
		l.Invalid = false
	}
	a.kbdint = true
	c.count(a, c.logon(event.StatusFailure, rest[:i], l))
	return true
}

// cutPeer reads "ADDRESS port PORT[ ssh2…]" at the start of s.
func cutPeer(s string) (addr netip.Addr, port uint16, rest string, ok bool) {
	host, rest, _ := strings.Cut(s, " port ")
	portText, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.Addr{}, 0, "", false
	}
	addr, err = netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0, "", host == "UNKNOWN"
	}
	return addr.Unmap(), uint16(n), rest, true
}

// cutPeerRight reads "ANYTHING from ADDRESS[ port PORT[ ssh2]]" from the end.
func cutPeerRight(s string) (before string, addr netip.Addr, port uint16, ok bool) {
	s = strings.TrimSuffix(s, " [preauth]")
	i := strings.LastIndex(s, " from ")
	if i < 0 {
		return "", netip.Addr{}, 0, false
	}
	before, from := s[:i], s[i+len(" from "):]
	if a, err := netip.ParseAddr(from); err == nil {
		return before, a.Unmap(), 0, true
	}
	addr, port, rest, ok := cutPeer(from)
	return before, addr, port, ok && (rest == "" || rest == "ssh2")
}

// setPeer takes a host that is an address or a name.
func setPeer(l *event.Logon, host string) {
	if a, err := netip.ParseAddr(host); err == nil {
		l.Address = a.Unmap()
		return
	}
	l.Hostname = host
}
