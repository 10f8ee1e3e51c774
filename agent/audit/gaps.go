package audit

// gaps tells the audit events that went missing unseen by the kernel from
// those that it counts as lost records itself, so that the ledger has each
// loss once.
//
// The kernel counts a record that the rate limit refuses after it has given
// the event its serial number (audit_log_end in kernel/audit.c), and so it
// does with what it cannot deliver to the owner: such a loss is in the
// kernel's count and leaves a gap as well. A full backlog refuses a record
// before there is a number, and a listener's overflow is in no count of the
// kernel.
//
// It is a lower bound: an event has several records, so that under a rate
// limit a listener's own loss can pass for one of the kernel's.
type gaps struct {
	missing, lost uint64 // at the last call
	credit        uint64 // lost records that explained no gap yet
	explained     uint64
}

// unexplained returns how many of the missing serial numbers the kernel's
// count of lost records cannot account for. Both arguments are totals;
// numbered says whether the records lost since the last call may have had
// numbers.
func (g *gaps) unexplained(missing, lost uint64, numbered bool) uint64 {
	if numbered && lost > g.lost {
		g.credit += lost - g.lost
	}
	if missing > g.missing {
		n := min(missing-g.missing, g.credit)
		g.explained += n
		g.credit -= n
	}
	g.missing, g.lost = missing, lost
	g.explained = min(g.explained, missing) // a number that came late is missing no more
	return missing - g.explained
}
