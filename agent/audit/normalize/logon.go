package normalize

import (
	"bytes"
	"net/netip"
	"path"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/decode"
	"github.com/holdfast-security/holdfast/agent/audit/record"
	"github.com/holdfast-security/holdfast/event"
)

// message is a record that a program wrote about an account.
type message struct {
	actor
	typ      record.Type
	op       string // "PAM:authentication", "login", "adding user"; may hold spaces
	acct     string
	group    string
	id       uint32 // of the account or group; event.UnsetUID for none
	host     string
	addr     netip.Addr
	port     uint16
	terminal string
	command  string
	cwd      string
	status   event.Status
}

func (n *Normalizer) message(r *record.Record) message {
	m := message{actor: noActor, typ: r.Type, id: event.UnsetUID, op: n.shared.of(operation(r.Body))}
	var seen uint
	f := r.Fields()
	for f.Next() {
		switch string(f.Name) {
		case "acct":
			m.acct = n.shared.text(f.Value)
		case "grp", "new_group":
			m.group = n.shared.text(f.Value)
		case "id":
			if id, ok := decode.Uint(f.Value); ok && id < 1<<32 {
				m.id = uint32(id)
			}
		case "hostname":
			m.host = n.shared.plain(f.Value)
		case "addr":
			m.addr = address(n.shared.plain(f.Value))
		case "rport":
			port, _ := decode.Uint(f.Value)
			m.port = uint16(min(port, 1<<16-1))
		case "terminal":
			m.terminal = terminal(n.shared.plain(f.Value))
		case "cmd":
			m.command = n.shared.text(f.Value)
		case "cwd":
			m.cwd = n.shared.text(f.Value)
		case "res":
			m.status = outcome(f.Value)
		default:
			m.field(&n.shared, f.Name, f.Value, &seen)
		}
	}
	m.names(&n.shared, r, "")
	f = r.EnrichedFields()
	for f.Next() {
		if string(f.Name) == "ID" && m.acct == "" {
			m.acct = accountName(&n.shared, f.Value)
		}
	}
	if host := address(m.host); host.IsValid() {
		m.host = ""
		if !m.addr.IsValid() {
			m.addr = host
		}
	}
	return m
}

// address reads an IP address; of anything else it returns the invalid one.
// Names of hosts, which stand in the same fields, are told apart first: an error
// takes memory.
func address(text string) netip.Addr {
	if text == "" || (text[0] < '0' || text[0] > '9') && strings.IndexByte(text, ':') < 0 {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// operation returns the value of op, which programs write without quotes even
// with spaces in it: it ends before the next name=. Records of old releases
// begin with "PAM: " instead.
func operation(text []byte) []byte {
	at := bytes.Index(text, []byte("op="))
	switch {
	case at > 0 && (text[at-1] == '\'' || text[at-1] == ' '):
		text = text[at+len("op="):]
	case bytes.Contains(text, []byte("'PAM: ")):
		_, text, _ = bytes.Cut(text, []byte("'PAM: "))
		text = append([]byte("PAM:"), text...)
	default:
		return nil
	}
	if next := bytes.IndexByte(text, '='); next >= 0 {
		text = text[:max(0, bytes.LastIndexByte(text[:next], ' '))]
	}
	return bytes.Trim(text, `"' `)
}

// logon appends what a record says of a logon, by the rules in the package
// comment.
func (n *Normalizer) logon(dst []event.Event, r *record.Record) []event.Event {
	m := n.message(r)
	pam := strings.HasPrefix(m.op, "PAM:")
	if r.Type == record.UserAcct && !pam {
		return n.account(dst, r) // gpasswd(1) reports members of groups as USER_ACCT
	}
	if m.service() == "systemd-user" {
		n.merged = true
		return dst
	}
	failed := m.status == event.StatusFailure
	activity := event.AuthLogon
	switch {
	case failed:
		end := r.Type == record.UserEnd || r.Type == record.UserLogout
		if n.merged = end || !n.attempts.failed(n.in.Milli, &m); n.merged {
			return dst
		}
	case r.Type == record.UserStart, r.Type == record.UserLogin, r.Type == record.UserCmd:
		if n.merged = !n.attempts.succeeded(n.in.Milli, &m); n.merged {
			return dst
		}
	case r.Type == record.UserEnd, r.Type == record.UserLogout:
		if n.merged = !n.attempts.ended(n.in.Milli, &m); n.merged {
			return dst
		}
		activity = event.AuthLogoff
	default:
		n.attempts.authenticated(n.in.Milli, &m)
		n.merged = true
		return dst
	}
	return append(dst, n.logonEvent(activity, &m))
}

func (n *Normalizer) logonEvent(activity event.Activity, m *message) event.Event {
	ev := n.event(event.ClassAuthentication, activity, m.status)
	ev.Process = m.process(&n.shared)
	ev.User = m.user()
	ev.Logon = &event.Logon{
		Service: m.service(), Method: m.method(), Address: m.addr, Port: m.port, Hostname: m.host,
		Terminal: m.terminal, Command: m.command, Invalid: m.invalid(),
	}
	if ev.Process != nil {
		ev.Process.Directory = m.cwd
		if ev.Process.Terminal == "" && strings.HasPrefix(m.terminal, "pts/") {
			ev.Process.Terminal = m.terminal
		}
	}
	if ev.Logon.Method == "" && m.status == event.StatusSuccess {
		ev.Logon.Method = n.attempts.method(m)
	}
	return ev
}

// service names what the account was used for, by the program.
func (m *message) service() string {
	switch base := path.Base(m.exe); base {
	case ".", "/":
		return m.terminal
	case "crond", "cron", "anacron":
		return "cron"
	case "sshd-session", "sshd-auth":
		return "sshd"
	case "systemd", "systemd-executor":
		return "systemd-user"
	default:
		return base
	}
}

// method returns how the account proved itself, as far as op tells: PAM does
// not say which of its modules asked for what.
func (m *message) method() string {
	switch {
	case m.op == "PAM:authentication":
		return m.op
	case strings.HasPrefix(m.op, "pubkey"):
		return "publickey" // op=pubkey, op=pubkey_auth: OpenSSH of Red Hat
	case m.op == "password", strings.HasPrefix(m.op, "gssapi"), strings.HasPrefix(m.op, "hostbased"),
		strings.HasPrefix(m.op, "keyboard-interactive"):
		return m.op
	}
	return ""
}

// invalid reports whether the program says that the account does not exist:
// PAM writes "?", sshd "(unknown)", "(unknown user)" or "(invalid user)".
func (m *message) invalid() bool {
	return m.acct == "?" || m.acct == "(unknown)" || m.acct == "(unknown user)" || m.acct == "(invalid user)"
}

// user returns the account, nil where the record names none.
func (m *message) user() *event.User {
	u := &event.User{UID: m.id, Name: m.acct}
	if m.invalid() {
		u.Name = ""
	}
	if u.Name == "root" && u.UID == event.UnsetUID {
		u.UID = 0
	}
	if m.typ == record.UserStart && m.status == event.StatusSuccess && loginServices[m.service()] {
		u.UID = m.auid // pam_loginuid(8) has set it
	}
	if u.Name == "" && u.UID == event.UnsetUID && !m.invalid() {
		return nil
	}
	return u
}

// loginServices set the login user of the session that they open; su, sudo and
// their like keep the one of the session that they run in.
var loginServices = map[string]bool{
	"sshd": true, "login": true, "cron": true, "atd": true, "gdm-session-worker": true, "lightdm": true, "sddm-helper": true,
}

// attempt is the state of one process that checks logons.
type attempt struct {
	pid    uint32
	exe    string
	addr   netip.Addr
	milli  int64
	state  attemptState
	method string // of the latest successful USER_AUTH
	began  bool   // a logon was told, by USER_CMD or USER_START
	ended  bool   // its end was told
}

type attemptState uint8

const (
	attemptNone    attemptState = iota
	attemptLogin                // sshd's USER_LOGIN was told, PAM's USER_AUTH may follow
	attemptChecked              // USER_AUTH was told, USER_LOGIN may follow
)

// attempts are the latest processes that wrote about logons, in a ring.
type attempts struct {
	ring [256]attempt
	next int
}

// pairWindow is how far apart records of one attempt lie at most, in
// milliseconds: PAM delays the answer to a failure by some seconds
// (pam_fail_delay(3)).
const pairWindow = 10_000

// get returns the state of the process of m, a new one if need be. A pid that
// another program has by now is another process.
func (a *attempts) get(m *message) *attempt {
	for i := range a.ring {
		if s := &a.ring[i]; s.pid == m.pid && s.exe == m.exe && s.pid != 0 {
			return s
		}
	}
	s := &a.ring[a.next%len(a.ring)]
	a.next++
	*s = attempt{pid: m.pid, exe: m.exe}
	return s
}

// failed takes a failure and reports whether it is a new attempt.
func (a *attempts) failed(milli int64, m *message) bool {
	s := a.get(m)
	state := s.state
	if milli-s.milli > pairWindow || milli < s.milli-pairWindow {
		state = attemptNone
	}
	s.milli, s.addr = milli, m.addr
	if m.typ == record.UserLogin {
		return a.failedLogin(s, state)
	}
	if m.typ == record.UserAuth || state == attemptNone {
		s.state = attemptChecked
	}
	if m.typ == record.UserAuth {
		return state != attemptLogin
	}
	return state == attemptNone // USER_ACCT, USER_ERR, USER_CMD after a failure already told
}

// failedLogin takes sshd's record of a failure. Where PAM ran in a child of
// sshd, as for keyboard-interactive, its USER_AUTH has another pid but the same
// remote address.
func (a *attempts) failedLogin(s *attempt, state attemptState) bool {
	switch state {
	case attemptChecked:
		s.state = attemptNone
		return false
	case attemptLogin:
		return false
	}
	if s.addr.IsValid() {
		for i := range a.ring {
			if o := &a.ring[i]; o != s && o.state == attemptChecked && o.addr == s.addr && o.exe == s.exe &&
				s.milli-o.milli <= pairWindow && s.milli >= o.milli {
				o.state = attemptNone
				return false
			}
		}
	}
	s.state = attemptLogin
	return true
}

// succeeded takes a logon and reports whether it is a new one.
func (a *attempts) succeeded(milli int64, m *message) bool {
	s := a.get(m)
	again := s.began && !s.ended && milli-s.milli <= pairWindow && milli >= s.milli-pairWindow
	if m.typ == record.UserCmd {
		again = false
	}
	s.began, s.ended, s.milli, s.state = true, false, milli, attemptNone
	return !again
}

// ended takes the end of a session and reports whether it is a new one.
func (a *attempts) ended(milli int64, m *message) bool {
	s := a.get(m)
	again := s.ended
	s.ended, s.milli = true, milli
	return !again
}

func (a *attempts) authenticated(milli int64, m *message) {
	s := a.get(m)
	s.milli, s.state = milli, attemptNone
	if m.typ == record.UserAuth {
		s.method = m.method()
		s.began, s.ended = false, false
	}
}

func (a *attempts) method(m *message) string { return a.get(m).method }
