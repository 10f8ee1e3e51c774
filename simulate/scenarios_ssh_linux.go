package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// The scenarios of this file play the records that sshd and PAM send to the
// kernel's audit system. Nobody logs on. Addresses are from TEST-NET-3, account
// names contain the token.

// Types of user-space audit records, linux/audit.h.
const (
	auditUserAuth  = 1100 // AUDIT_USER_AUTH: PAM says how an authentication ended
	auditUserLogin = 1112 // AUDIT_USER_LOGIN: sshd says that somebody was let in
)

// Counts above the bars of the rules.
const (
	bruteForceRefusals = 25
	guessedUsers       = 10
)

var sshBruteForce = Scenario{
	Name:      "ssh-brute-force",
	Title:     "passwords are guessed over SSH",
	AlertType: "VM_SshBruteForceFailed",
	Summary:   "Sends the audit records of 25 refused logons of one account.",
	Needs:     []Need{NeedAuditWrite},
	Run: func(ctx context.Context, s *Stage) error {
		return sendRecords(ctx, refusals(attacker(), func(int) string { return s.Token }, bruteForceRefusals))
	},
}

var sshUserGuessing = Scenario{
	Name:      "ssh-user-guessing",
	Title:     "account names are guessed over SSH",
	AlertType: "VM_SshBruteForceFailed",
	Summary:   "Sends the audit records of refused logons of ten accounts that do not exist.",
	Needs:     []Need{NeedAuditWrite},
	Run: func(ctx context.Context, s *Stage) error {
		user := func(i int) string { return fmt.Sprintf("%s-%d", s.Token, i) }
		return sendRecords(ctx, refusals(attacker(), user, guessedUsers))
	},
}

var sshBruteForceSuccess = Scenario{
	Name:      "ssh-brute-force-success",
	Title:     "a password is guessed over SSH",
	AlertType: "VM_SshBruteForceSuccess",
	Summary:   "Sends the audit records of 25 refused logons and one accepted one of an account that does not exist.",
	Needs:     []Need{NeedAuditWrite},
	Run: func(ctx context.Context, s *Stage) error {
		address := attacker()
		records := refusals(address, func(int) string { return s.Token }, bruteForceRefusals)
		return sendRecords(ctx, append(records, loginRecord(s.Token, address)))
	},
}

// attacker returns an address of TEST-NET-3, 203.0.113.0/24 (RFC 5737), so that
// runs do not add up.
func attacker() string { return fmt.Sprintf("203.0.113.%d", 1+rand.IntN(254)) }

// userRecord is an audit record that a program sends.
type userRecord struct {
	typ  uint16
	text string
}

// refusals returns n refused logons: what PAM says of each.
func refusals(address string, user func(i int) string, n int) []userRecord {
	records := make([]userRecord, n)
	for i := range records {
		records[i] = userRecord{auditUserAuth, fmt.Sprintf(
			`op=PAM:authentication grantors=? acct="%s" exe="/usr/sbin/sshd" hostname=%s addr=%s terminal=ssh res=failed`,
			user(i), address, address)}
	}
	return records
}

func loginRecord(user, address string) userRecord {
	return userRecord{auditUserLogin, fmt.Sprintf(
		`op=login acct="%s" exe="/usr/sbin/sshd" hostname=%s addr=%s terminal=sshd res=success`, user, address, address)}
}

// sendRecords hands records to the kernel, each acknowledged.
func sendRecords(ctx context.Context, records []userRecord) error {
	conn, err := netlink.Open(unix.NETLINK_AUDIT)
	if err != nil {
		return fmt.Errorf("reach the audit system: %w", err)
	}
	defer conn.Close()
	for _, r := range records {
		// The text is a C string to the kernel.
		if err := conn.Execute(ctx, r.typ, 0, append([]byte(r.text), 0), nil); err != nil {
			return fmt.Errorf("send an audit record: %w", err)
		}
	}
	return nil
}
