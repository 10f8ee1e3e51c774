// Package rule reads and writes audit rules in both of their forms: the text
// that auditctl(8) takes and the structure that the kernel takes,
// struct audit_rule_data (linux/audit.h).
//
// [Parse] and [ParseFile] read text, [Rule.String] writes it;
// [Rule.MarshalBinary] and [Rule.UnmarshalBinary] do the same for the
// kernel's form. A rule that went through all four is the same rule, byte for
// byte. Lines of a rule file that are not rules (-D, -b, -e …) are read as
// [Control].
//
// The package does not talk to the kernel, see agent/audit/kernel. Rule files
// and rules read back from the kernel are checked before use: what the kernel
// would refuse is refused here, with a sentence that says what to write.
package rule

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/agent/audit/syscalls"
)

// List is the kernel's list that a rule goes to.
type List uint32

// The lists, AUDIT_FILTER_ in linux/audit.h.
const (
	ListUser       List = 0 // user: messages from programs
	ListTask       List = 1 // task: births of processes
	ListExit       List = 4 // exit: ends of system calls
	ListExclude    List = 5 // exclude: records about to be made
	ListFilesystem List = 6 // filesystem: everything on a kind of file system
	ListIOUring    List = 7 // io_uring: ends of io_uring operations
)

// Action is what a matching rule does.
type Action uint32

// The actions, linux/audit.h.
const (
	Never  Action = 0
	Always Action = 2
)

// Op is a comparison.
type Op uint32

// The operators, linux/audit.h.
const (
	BitMask        Op = 0x08000000 // &
	Less           Op = 0x10000000
	Greater        Op = 0x20000000
	NotEqual       Op = 0x30000000
	Equal          Op = 0x40000000
	BitTest        Op = 0x48000000 // &=
	LessOrEqual    Op = 0x50000000
	GreaterOrEqual Op = 0x60000000
)

// FieldID is what a field of a rule looks at; AUDIT_PID and following in
// linux/audit.h.
type FieldID uint32

// The fields that are referred to by name in Go.
const (
	FieldArch    FieldID = 11  // AUDIT_ARCH
	FieldMsgType FieldID = 12  // AUDIT_MSGTYPE
	FieldPath    FieldID = 105 // AUDIT_WATCH
	FieldPerm    FieldID = 106 // AUDIT_PERM
	FieldDir     FieldID = 107 // AUDIT_DIR
	FieldCompare FieldID = 111 // AUDIT_FIELD_COMPARE
	FieldKey     FieldID = 210 // AUDIT_FILTERKEY
)

// Field is one condition of a rule. All of them must hold.
type Field struct {
	ID    FieldID
	Op    Op
	Value uint32 // of fields that are numbers; signed ones in two's complement
	Text  string // of fields that are text, such as a path; the keys of FieldKey lie between bytes 0x01
}

// Limits of the kernel.
const (
	MaxFields = 64  // AUDIT_MAX_FIELDS
	MaxKey    = 256 // AUDIT_MAX_KEY_LEN: bytes of all keys of a rule

	maskWords  = 64                      // AUDIT_BITMASK_SIZE
	maxSyscall = (maskWords*32 - 1) - 16 // the last 16 bits are classes, AUDIT_SYSCALL_CLASSES
	keyBreak   = "\x01"                  // AUDIT_KEY_SEPARATOR in libaudit.h
)

// Mask is a set of system calls by number.
type Mask [maskWords]uint32

// AllSyscalls is the set that rules without -S have, as the kernel lists it.
var AllSyscalls = func() (m Mask) {
	for i := range m {
		m[i] = ^uint32(0)
	}
	m[maskWords-1] = 0xffff
	return m
}()

// Has reports whether nr is in the set.
func (m *Mask) Has(nr int) bool {
	return nr >= 0 && nr < maskWords*32 && m[nr/32]&(1<<(nr%32)) != 0
}

// Add puts nr, at least zero and below 2048, into the set.
func (m *Mask) Add(nr int) { m[nr/32] |= 1 << (nr % 32) }

// Rule is one line of a rule file. The zero value is the rule that never
// reports messages from programs ("-a never,user").
type Rule struct {
	// Control is set for lines that are not rules; everything else is zero.
	Control *Control

	Delete   bool // the line asks for the removal of the rule: -d, -W
	Prepend  bool // it goes to the head of its list: -A
	List     List
	Action   Action
	Syscalls Mask
	Fields   []Field
}

// Key returns the first key of the rule, or "".
func (r *Rule) Key() string {
	keys := r.Keys()
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

// Keys returns the keys of the rule.
func (r *Rule) Keys() []string {
	for _, f := range r.Fields {
		if f.ID == FieldKey {
			return strings.Split(f.Text, keyBreak)
		}
	}
	return nil
}

// Arch returns the architecture that the rule asks for, or zero.
func (r *Rule) Arch() syscalls.Arch {
	for _, f := range r.Fields {
		if f.ID == FieldArch && f.Op == Equal {
			return syscalls.Arch(f.Value)
		}
	}
	return 0
}

// Equal reports whether the kernel would take r and other for the same rule.
func (r *Rule) Equal(other *Rule) bool {
	if r.Control != nil || other.Control != nil {
		return r.Control != nil && other.Control != nil && *r.Control == *other.Control
	}
	return r.List == other.List && r.Action == other.Action && r.Syscalls == other.Syscalls &&
		slices.Equal(r.Fields, other.Fields)
}
