// Package authlog reports logons, account changes and jobs from the system's
// log: the syslog file of the authpriv facility where there is one, else the
// systemd journal.
//
// The sensor starts at the end of the log, remembers how far it read and goes
// on there after a restart, through rotation by rename, by copying and
// truncating, and by the journal. It wakes when the log changes and costs
// nothing while it does not. What the lines mean is the business of package
// syslogline; how journal files are laid out that of package journal.
//
// A syslog file holds what any local process cares to send to /dev/log, so its
// events may be forged by someone who is on the host already. Of the journal
// only entries are taken whose sender, as the kernel reported it, was root or
// the program in whose name it spoke.
package authlog
