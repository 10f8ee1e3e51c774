package spool

// SetLimit changes the bound of the spool, in bytes; it is at least 4 MiB. What
// is kept already stays, also where it is more.
func (s *Spool) SetLimit(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Limit = max(bytes, smallestLimit)
	s.full = false
}
