package rule

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
)

// String returns the rule as auditctl(8) takes it on this machine, in one
// line. Watches are written as rules with path= or dir=, which unlike -w mean
// the same whatever lies at the path.
func (r Rule) String() string { return r.Format(syscalls.Native()) }

// Format is [Rule.String] for a machine of the given architecture, which
// arch=b64 and system calls without arch= refer to.
func (r *Rule) Format(native syscalls.Arch) string {
	if r.Control != nil {
		return r.Control.String()
	}
	var b strings.Builder
	b.WriteString(r.option())
	if r.Action == Always {
		b.WriteString(" always,")
	} else {
		b.WriteString(" never,")
	}
	b.WriteString(r.List.String())
	arch := r.Arch()
	if arch == 0 {
		r.writeSyscalls(&b, native)
	}
	for _, f := range r.Fields {
		writeField(&b, f, native)
		if f.ID == FieldArch && f.Op == Equal && arch != 0 {
			r.writeSyscalls(&b, arch)
			arch = 0
		}
	}
	return b.String()
}

func (r *Rule) option() string {
	switch {
	case r.Delete:
		return "-d"
	case r.Prepend:
		return "-A"
	}
	return "-a"
}

// writeSyscalls writes -S. A full set needs none.
func (r *Rule) writeSyscalls(b *strings.Builder, arch syscalls.Arch) {
	if r.Syscalls == AllSyscalls {
		return
	}
	separator := " -S "
	for i, word := range r.Syscalls {
		for ; word != 0; word &= word - 1 {
			nr := i*32 + bits.TrailingZeros32(word)
			b.WriteString(separator)
			separator = ","
			if name, ok := syscalls.Name(arch, nr); ok && r.List == ListExit {
				b.WriteString(name)
			} else {
				b.WriteString(strconv.Itoa(nr))
			}
		}
	}
}

func writeField(b *strings.Builder, f Field, native syscalls.Arch) {
	known := fieldByID(f.ID)
	switch known.kind {
	case kindCompare:
		pair := comparisons[f.Value-1]
		b.WriteString(" -C " + pair[0] + f.Op.String() + pair[1])
	case kindKey:
		for key := range strings.SplitSeq(f.Text, keyBreak) {
			b.WriteString(" -F " + quote("key="+key))
		}
	case kindText, kindPath:
		b.WriteString(" -F " + quote(known.name+f.Op.String()+f.Text))
	default:
		b.WriteString(" -F " + known.name + f.Op.String() + format(known, native, f.Value))
	}
}
