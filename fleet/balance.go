package fleet

import "time"

// NewBalance puts together what a host's agent and the server say. Accepted is
// the running number of the last event of the heartbeat's epoch that is stored
// or in the stream; nil means that it is not known, and then what the agent has
// handed over and is not stored counts as waiting in the stream.
//
// The two sides are not of the same moment. What arrived since the heartbeat is
// taken off what the agent had waiting then; what is more than that was produced
// since, and is counted so. Otherwise what is new at one host would make up for
// what is missing at another in their sum. Without a heartbeat the balance is
// that of the server's side alone.
func NewBalance(h Host, accepted *uint64) Balance {
	in := h.Intake
	if h.Heartbeat == nil {
		return settle(Balance{Host: h.ID, Name: h.Name, Produced: in.Events, Stored: in.Stored, Dropped: together(in.Dropped)})
	}
	l := h.Heartbeat.Ledger
	if in.Epoch != l.Epoch {
		in = Intake{} // of another epoch: nothing of this one is stored yet
	}
	if accepted == nil {
		accepted = &l.Acknowledged
	}
	inStream := less(*accepted, in.Events)
	since := less(in.Events+inStream, l.Acknowledged) // arrived after the heartbeat
	waited := l.Queued + l.Spooled                    // at the agent, at the heartbeat
	return settle(Balance{
		Host: h.ID, Name: h.Name, Time: h.Heartbeat.Time, Produced: l.Produced + less(since, waited), Combined: l.Combined,
		Stored: in.Stored, Dropped: together(l.Dropped, in.Dropped),
		Waiting: less(waited, since) + inStream,
	})
}

// Total returns the sum of balances, with the time of the oldest heartbeat
// among them and no host.
func Total(balances []Balance) Balance {
	var t Balance
	var drops []map[Reason]uint64
	for _, b := range balances {
		t.Produced += b.Produced
		t.Combined += b.Combined
		t.Waiting += b.Waiting
		t.Stored += b.Stored
		drops = append(drops, b.Dropped)
		t.Time = older(t.Time, b.Time)
	}
	t.Dropped = together(drops...)
	return settle(t)
}

// settle sets what the equation leaves over.
func settle(b Balance) Balance {
	accounted := b.Combined + b.Stored + b.Waiting
	for _, n := range b.Dropped {
		accounted += n
	}
	b.Unaccounted = int64(b.Produced - accounted)
	return b
}

// less returns a-b, or zero where that is negative.
func less(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// older returns the earlier of two times that are not zero.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// together adds up what was dropped; the result is never nil.
func together(drops ...map[Reason]uint64) map[Reason]uint64 {
	sum := make(map[Reason]uint64)
	for _, dropped := range drops {
		for reason, n := range dropped {
			sum[reason] += n
		}
	}
	return sum
}
