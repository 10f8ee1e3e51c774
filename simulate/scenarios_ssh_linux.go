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

// auditUserAuth is AUDIT_USER_AUTH, the type of the record in which PAM says how
// an authentication ended, linux/audit.h.
const auditUserAuth = 1100

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
		return sendRecords(ctx, append(records, pamRecord(s.Token, address, "success")))
	},
}

// attacker returns an address of TEST-NET-3, 203.0.113.0/24 (RFC 5737), so that
// runs do not add up.
func attacker() string { return fmt.Sprintf("203.0.113.%d", 1+rand.IntN(254)) }

// refusals returns n refused logons: what PAM says of each.
func refusals(address string, user func(i int) string, n int) []string {
	records := make([]string, n)
	for i := range records {
		records[i] = pamRecord(user(i), address, "failed")
	}
	return records
}

func pamRecord(user, address, result string) string {
	return fmt.Sprintf(
		`op=PAM:authentication grantors=? acct="%s" exe="/usr/sbin/sshd" hostname=%s addr=%s terminal=ssh res=%s`,
		user, address, address, result)
}

// sendRecords hands records to the kernel, each acknowledged.
func sendRecords(ctx context.Context, records []string) error {
	conn, err := netlink.Open(unix.NETLINK_AUDIT)
	if err != nil {
		return fmt.Errorf("reach the audit system: %w", err)
	}
	defer conn.Close()
	for _, r := range records {
		// The text is a C string to the kernel.
		if err := conn.Execute(ctx, auditUserAuth, 0, append([]byte(r), 0), nil); err != nil {
			return fmt.Errorf("send an audit record: %w", err)
		}
	}
	return nil
}
