package indicator

import (
	"net/netip"
	"strings"
)

// Bounds of what is looked at in one command line, and of what is found.
const (
	maxScan = 32 << 10
	maxHits = 16
	maxName = 253
)

// Scan appends to hits the listed addresses and names that a text mentions,
// each once, in lower case. Names are found anywhere: in URLs, after an @, with
// a port. What follows maxScan bytes is not looked at.
func (s *Set) Scan(hits []string, text string) []string {
	if s == nil {
		return hits
	}
	text = text[:min(len(text), maxScan)]
	start, dots := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && isHost[text[i]] {
			if text[i] == '.' || text[i] == ':' {
				dots++
			}
			continue
		}
		if dots > 0 {
			hits = s.run(hits, text[start:i])
		}
		start, dots = i+1, 0
	}
	return hits
}

// isHost are the bytes of addresses and names. The colon parts an IPv6 address
// and a port.
var isHost = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_:", byte(c)) >= 0 || c >= 0x80
	}
	return table
}()

// run looks at one run of host bytes: an IPv6 address, or parts at colons.
func (s *Set) run(hits []string, run string) []string {
	if strings.Count(run, ":") > 1 {
		if a, err := netip.ParseAddr(run); err == nil {
			return s.hit(hits, run, s.Address(a))
		}
	}
	for part := range strings.SplitSeq(run, ":") {
		part = strings.Trim(part, ".-")
		if len(part) > maxName || !strings.Contains(part, ".") {
			continue
		}
		if c := part[len(part)-1]; c >= '0' && c <= '9' {
			if a, err := netip.ParseAddr(part); err == nil {
				hits = s.hit(hits, part, s.Address(a))
			}
			continue
		}
		if _, listed := s.tops[strings.ToLower(topOf(part))]; !listed {
			continue
		}
		name := strings.ToLower(part)
		hits = s.hit(hits, name, s.Domain(name))
	}
	return hits
}

func (s *Set) hit(hits []string, what string, listed bool) []string {
	if !listed || len(hits) >= maxHits {
		return hits
	}
	for _, h := range hits {
		if h == what {
			return hits
		}
	}
	return append(hits, what)
}
