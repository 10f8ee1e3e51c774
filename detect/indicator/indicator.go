// Package indicator holds the addresses and domain names that the operator
// calls malicious: lists of threat intelligence, brought at run time.
//
// A [Set] does not change once it is made. A [Live] is where the set in force
// stands, so that whoever reads the lists can put a newer one in its place while
// detection runs. Rules see what is listed through the field ListedIndicator.
// Reading files is left to package rules/listfiles; parsing takes any reader.
//
// Lists come from outside. Lines are bounded, entries are counted, and what is
// neither an address, a network nor a name is skipped and counted, so that a
// page of HTML in the place of a list does no harm.
package indicator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// MaxEntries bounds what all lists together may hold: some 100 MiB of memory.
const MaxEntries = 1_000_000

// maxNetworks bounds networks, which are gone through one by one.
const maxNetworks = 10_000

// maxLine is the longest line of a list that is looked at.
const maxLine = 4096

// ErrTooMany says that lists hold more than [MaxEntries].
var ErrTooMany = errors.New("too many indicators")

// Entries that every set holds, so that the chain can be tried without harm:
// a name below a top-level domain that never exists (RFC 2606) and an address
// of the documentation (RFC 5737).
const (
	TestDomain  = "listed.holdfast.test"
	TestAddress = "198.51.100.66"
)

// Set is a set of addresses and domain names. It is immutable and safe for
// concurrent use; nil is an empty set.
type Set struct {
	addresses map[netip.Addr]struct{}
	networks  []netip.Prefix
	domains   map[string]struct{}
	tops      map[string]struct{} // the last labels of these: command lines are full of names of files
}

// Len returns the number of entries.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.addresses) + len(s.networks) + len(s.domains)
}

// Address reports whether an address is listed, by itself or with its network.
func (s *Set) Address(a netip.Addr) bool {
	if s == nil || !a.IsValid() {
		return false
	}
	a = a.Unmap().WithZone("")
	if _, listed := s.addresses[a]; listed {
		return true
	}
	return slices.ContainsFunc(s.networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Domain reports whether a name or a domain above it is listed. The name is in
// lower case and without a dot at its end.
func (s *Set) Domain(name string) bool {
	if s == nil {
		return false
	}
	for {
		if _, listed := s.domains[name]; listed {
			return true
		}
		_, above, more := strings.Cut(name, ".")
		if !more {
			return false
		}
		name = above
	}
}

// Builder collects lists into a set. The zero value is not ready; use
// [NewBuilder].
type Builder struct {
	set     *Set
	limit   int
	Skipped int // lines that hold no indicator
}

// NewBuilder returns a builder that holds the entries for tests.
func NewBuilder() *Builder {
	b := &Builder{limit: MaxEntries, set: &Set{addresses: make(map[netip.Addr]struct{}), domains: make(map[string]struct{}), tops: make(map[string]struct{})}}
	b.add(TestDomain)
	b.add(TestAddress)
	return b
}

// Read adds the entries of a list: one a line, an address, a network or a domain
// name, in the first column; a line of a hosts file, a URL, a comment after # or
// ; and a leading "*." or "||" are understood. Lines that hold nothing of the
// kind are counted. The error is that of the reader, or [ErrTooMany].
func (b *Builder) Read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			b.Skipped++
			if err := skipLine(lines); err != nil {
				return end(err)
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if !b.line(string(line)) {
			b.Skipped++
		}
		if b.set.Len() > b.limit {
			return fmt.Errorf("%w: the bound is %d", ErrTooMany, b.limit)
		}
		if err != nil {
			return nil
		}
	}
}

// skipLine reads to the end of a line that is too long.
func skipLine(r *bufio.Reader) error {
	for {
		if _, err := r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// line adds the entry of a line and reports whether it was in order. A line
// without anything is.
func (b *Builder) line(text string) bool {
	if i := strings.IndexAny(text, "#;"); i >= 0 {
		text = text[:i]
	}
	columns := strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == ',' || r == '"' })
	switch {
	case len(columns) == 0:
		return true
	case len(columns) > 1 && (columns[0] == "0.0.0.0" || columns[0] == "127.0.0.1"):
		return b.add(columns[1]) // a hosts file that leads names nowhere
	default:
		return b.add(columns[0])
	}
}

// Set returns what was collected. The builder must not be used any more.
func (b *Builder) Set() *Set { return b.set }

// add adds one entry and reports whether it is one.
func (b *Builder) add(entry string) bool {
	if _, rest, ok := strings.Cut(entry, "://"); ok {
		entry = rest
	} else if prefix, err := netip.ParsePrefix(entry); err == nil {
		return b.network(prefix)
	}
	entry = strings.TrimPrefix(strings.TrimPrefix(entry, "||"), "*.")
	if i := strings.IndexAny(entry, "/^?"); i >= 0 {
		entry = entry[:i]
	}
	if a, ok := parseAddress(entry); ok {
		return b.address(a)
	}
	name, _, _ := strings.Cut(strings.ToLower(entry), ":")
	name = strings.TrimSuffix(name, ".")
	if !isDomain(name) {
		return false
	}
	b.set.domains[name] = struct{}{}
	b.set.tops[topOf(name)] = struct{}{}
	return true
}

// topOf returns the last label of a name.
func topOf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// parseAddress reads an address that may have a port.
func parseAddress(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// address adds an address. One that means this host or everybody is refused:
// in a list it is a slip that would make every event a hit.
func (b *Builder) address(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() {
		return false
	}
	b.set.addresses[a] = struct{}{}
	return true
}

// network adds a network, likewise.
func (b *Builder) network(p netip.Prefix) bool {
	const widest = 8
	if p.IsSingleIP() {
		return b.address(p.Addr().Unmap())
	}
	if p.Bits() < widest || p.Addr().IsLoopback() || len(b.set.networks) >= maxNetworks {
		return false
	}
	if p = p.Masked(); !slices.Contains(b.set.networks, p) {
		b.set.networks = append(b.set.networks, p)
	}
	return true
}

// isDomain reports whether a name can be a host's: letters, digits, hyphens and
// underscores between dots, at least one dot, and a last label that is no
// number (RFC 1123, section 2.1).
func isDomain(name string) bool {
	const maxName, maxLabel = 253, 63
	last, dots := 0, 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			if c := name[i]; c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c < 0x80 {
				return false
			}
			continue
		}
		if i == last || i-last > maxLabel {
			return false
		}
		if i < len(name) {
			dots++
			last = i + 1
		}
	}
	return dots > 0 && len(name) <= maxName && strings.Trim(name[last:], "0123456789") != ""
}

// Live is where the set in force stands. The zero value holds the entries for
// tests alone; nil does, too. It is safe for concurrent use.
type Live struct{ set atomic.Pointer[Set] }

// builtin is the set of those who brought no lists.
var builtin = NewBuilder().Set()

// Set returns the set in force.
func (l *Live) Set() *Set {
	if l != nil {
		if s := l.set.Load(); s != nil {
			return s
		}
	}
	return builtin
}

// Put makes s the set in force.
func (l *Live) Put(s *Set) { l.set.Store(s) }
