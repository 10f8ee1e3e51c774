// Package syslogline turns lines of syslog files into logon, account and job
// events.
//
// [ParseLine] splits a line into time, host, program and message, whatever
// dialect it is in: RFC 3164, RFC 5424, ISO time stamps, the kernel's ring
// buffer. [Parser] reads what sshd, PAM, sudo, su, login, cron, doas and the
// account tools say, and appends events. It does no I/O, so that following a
// live file and replaying an old one give the same events.
//
// # One attempt, one event
//
// Programs write several lines about one attempt to log on. Counting lines
// would make one wrong password look like four. These lines count:
//
//   - sshd: "Failed METHOD for …", once for each time it is repeated, except
//     method "none", which is how clients ask what methods there are;
//     "error: PAM: … for USER from …", whose following "Failed
//     keyboard-interactive/pam" is the same attempt; "Accepted METHOD for …".
//   - sshd: "Invalid user …", "User … not allowed because …" and PAM's
//     "authentication failure" only announce an attempt. They count, once,
//     when the connection ends or half a minute passes and no counting line
//     came: a probe for account names, or a log that PAM alone writes to.
//   - sshd: the end of a connection before authentication, "Too many
//     authentication failures" and "maximum authentication attempts exceeded"
//     do not count.
//   - PAM: "N more authentication failures" counts only what is missing from
//     the attempts already counted for that process.
//   - sudo: the line with COMMAND=; "N incorrect password attempts" counts N
//     times. su: "FAILED SU", "(to USER) …" and their older forms. login:
//     "FAILED LOGIN". For these programs PAM's own line is an announcement as
//     with sshd; for all other services it counts by itself.
//   - "session opened" counts as a logon unless the program already reported
//     it; "session closed" is a logoff.
//
// An authentication event has the account whose secret was tried, or that was
// entered, as User; for su and sudo the account that asked is Process.User.
//
// # Hostile input
//
// Whoever can reach port 22 chooses part of what sshd logs, and on most
// systems any local user can write any line through /dev/log. User names that
// contain text such as "from 192.0.2.1 port 22 ssh2" do not move the address:
// what an attacker controls is found from the ends of the line that sshd
// writes, and where both ends could be forged the event has no address. A line
// that another program wrote in the name of sshd cannot be told apart here; the
// journal can, see package journal.
package syslogline
