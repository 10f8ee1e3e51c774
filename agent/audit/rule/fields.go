package rule

import (
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/internal/spelling"
)

// kind is how the value of a field is written.
type kind uint8

const (
	kindNumber   kind = iota // decimal
	kindHex                  // system call arguments
	kindUser                 // number, account name or "unset"
	kindGroup                // number or group name
	kindSession              // number or "unset"
	kindExit                 // signed number or errno name
	kindFlag                 // 0 or 1
	kindArch                 // b64, b32 or a name of uname -m
	kindType                 // record type
	kindPerm                 // letters of rwxa
	kindFileType             // file, dir …
	kindFS                   // name or magic number
	kindFamily               // number or name of an address family
	kindText                 // security labels
	kindPath                 // absolute path
	kindKey
	kindCompare // of two fields, written by -C
)

// text reports whether the value lies in the string buffer of the structure.
func (k kind) text() bool { return k == kindText || k == kindPath || k == kindKey }

// ops are the operators that a field takes, kernel/auditfilter.c
// (audit_field_valid).
type ops uint8

const (
	opsEqual ops = iota // = and !=
	opsOrder            // and < > <= >=
	opsAll              // and & &=
	opsOnly             // = alone
)

func (o ops) allow(op Op) bool {
	switch op {
	case Equal:
		return true
	case NotEqual:
		return o != opsOnly
	case Less, Greater, LessOrEqual, GreaterOrEqual:
		return o == opsOrder || o == opsAll
	case BitMask, BitTest:
		return o == opsAll
	}
	return false
}

func (o ops) String() string {
	return [...]string{"= or !=", "=, !=, <, >, <= or >=", "=, !=, <, >, <=, >=, & or &=", "="}[o]
}

// A field's lists, as bits.
const (
	onUser = 1 << ListUser
	onTask = 1 << ListTask
	onExit = 1 << ListExit
	onExcl = 1 << ListExclude
	onFS   = 1 << ListFilesystem
	onRing = 1 << ListIOUring

	onAny = onUser | onTask | onExit | onExcl | onRing
)

type field struct {
	name  string
	id    FieldID
	kind  kind
	ops   ops
	lists uint
}

// fields are the names of auditctl(8) with the numbers of linux/audit.h.
// Where an id has two names the first is the one that is written.
var fields = []field{
	{"pid", 0, kindNumber, opsOrder, onAny},
	{"uid", 1, kindUser, opsOrder, onAny},
	{"euid", 2, kindUser, opsOrder, onAny},
	{"suid", 3, kindUser, opsOrder, onAny},
	{"fsuid", 4, kindUser, opsOrder, onAny},
	{"gid", 5, kindGroup, opsOrder, onAny},
	{"egid", 6, kindGroup, opsOrder, onAny},
	{"sgid", 7, kindGroup, opsOrder, onAny},
	{"fsgid", 8, kindGroup, opsOrder, onAny},
	{"auid", 9, kindUser, opsOrder, onAny},
	{"loginuid", 9, kindUser, opsOrder, onAny},
	{"pers", 10, kindNumber, opsAll, onAny},
	{"arch", FieldArch, kindArch, opsEqual, onAny},
	{"msgtype", FieldMsgType, kindType, opsOrder, onUser | onExcl},
	{"subj_user", 13, kindText, opsEqual, onAny},
	{"subj_role", 14, kindText, opsEqual, onAny},
	{"subj_type", 15, kindText, opsEqual, onAny},
	{"subj_sen", 16, kindText, opsOrder, onAny},
	{"subj_clr", 17, kindText, opsOrder, onAny},
	{"ppid", 18, kindNumber, opsOrder, onAny},
	{"obj_user", 19, kindText, opsEqual, onExit},
	{"obj_role", 20, kindText, opsEqual, onExit},
	{"obj_type", 21, kindText, opsEqual, onExit},
	{"obj_lev_low", 22, kindText, opsOrder, onExit},
	{"obj_lev_high", 23, kindText, opsOrder, onExit},
	{"loginuid_set", 24, kindFlag, opsEqual, onAny},
	{"sessionid", 25, kindSession, opsOrder, onAny},
	{"fstype", 26, kindFS, opsEqual, onFS},
	{"devmajor", 100, kindNumber, opsOrder, onExit | onRing},
	{"devminor", 101, kindNumber, opsAll, onExit | onRing},
	{"inode", 102, kindNumber, opsEqual, onExit},
	{"exit", 103, kindExit, opsOrder, onExit | onRing},
	{"success", 104, kindNumber, opsOrder, onExit | onRing},
	{"path", FieldPath, kindPath, opsOnly, onExit | onRing},
	{"perm", FieldPerm, kindPerm, opsEqual, onExit},
	{"dir", FieldDir, kindPath, opsOnly, onExit | onRing},
	{"filetype", 108, kindFileType, opsEqual, onExit | onRing},
	{"obj_uid", 109, kindUser, opsOrder, onExit | onRing},
	{"obj_gid", 110, kindGroup, opsOrder, onExit | onRing},
	{"field_compare", FieldCompare, kindCompare, opsEqual, onAny},
	{"exe", 112, kindPath, opsEqual, onAny},
	{"saddr_fam", 113, kindFamily, opsOrder, onExit | onRing},
	{"a0", 200, kindHex, opsAll, onExit},
	{"a1", 201, kindHex, opsAll, onExit},
	{"a2", 202, kindHex, opsAll, onExit},
	{"a3", 203, kindHex, opsAll, onExit},
	{"key", FieldKey, kindKey, opsOnly, onAny | onFS},
}

func fieldNamed(name string) *field {
	for i := range fields {
		if fields[i].name == name && fields[i].kind != kindCompare {
			return &fields[i]
		}
	}
	return nil
}

func fieldByID(id FieldID) *field {
	for i := range fields {
		if fields[i].id == id {
			return &fields[i]
		}
	}
	return nil
}

// operators in the order in which they are looked for: longer ones first.
var operators = []struct {
	text string
	op   Op
}{
	{"!=", NotEqual},
	{"<=", LessOrEqual},
	{">=", GreaterOrEqual},
	{"&=", BitTest},
	{"=", Equal},
	{"<", Less},
	{">", Greater},
	{"&", BitMask},
}

// String returns the operator as it is written in a rule.
func (o Op) String() string {
	for _, known := range operators {
		if known.op == o {
			return known.text
		}
	}
	return "?"
}

var listNames = map[List]string{
	ListUser: "user", ListTask: "task", ListExit: "exit", ListExclude: "exclude",
	ListFilesystem: "filesystem", ListIOUring: "io_uring",
}

// String returns the name that auditctl(8) uses.
func (l List) String() string {
	if name, ok := listNames[l]; ok {
		return name
	}
	return "unknown"
}

func listNamed(name string) (List, bool) {
	for l, n := range listNames {
		if n == name {
			return l, true
		}
	}
	return 0, false
}

// comparisons are the pairs that -C takes; the number of a pair is its index
// plus one, AUDIT_COMPARE_UID_TO_OBJ_UID and following in linux/audit.h.
var comparisons = [...][2]string{
	{"uid", "obj_uid"},
	{"gid", "obj_gid"},
	{"euid", "obj_uid"},
	{"egid", "obj_gid"},
	{"auid", "obj_uid"},
	{"suid", "obj_uid"},
	{"sgid", "obj_gid"},
	{"fsuid", "obj_uid"},
	{"fsgid", "obj_gid"},
	{"uid", "auid"},
	{"uid", "euid"},
	{"uid", "fsuid"},
	{"uid", "suid"},
	{"auid", "fsuid"},
	{"auid", "suid"},
	{"auid", "euid"},
	{"euid", "suid"},
	{"euid", "fsuid"},
	{"suid", "fsuid"},
	{"gid", "egid"},
	{"gid", "fsgid"},
	{"gid", "sgid"},
	{"egid", "fsgid"},
	{"egid", "sgid"},
	{"sgid", "fsgid"},
}

func comparison(a, b string) (uint32, bool) {
	i := slices.IndexFunc(comparisons[:], func(pair [2]string) bool {
		return pair == [2]string{a, b} || pair == [2]string{b, a}
	})
	return uint32(i + 1), i >= 0
}

// permissions are the letters of perm in the order in which they are written;
// AUDIT_PERM_ in linux/audit.h.
var permissions = []struct {
	letter byte
	bit    uint32
}{{'r', 4}, {'w', 2}, {'x', 1}, {'a', 8}}

// fileTypes are the names of filetype with the S_IF bits of inode(7).
var fileTypes = []struct {
	name string
	mode uint32
}{
	{"file", 0o100000},
	{"dir", 0o040000},
	{"socket", 0o140000},
	{"link", 0o120000},
	{"character", 0o020000},
	{"block", 0o060000},
	{"fifo", 0o010000},
}

// fileSystems are the names of fstype with the numbers of linux/magic.h.
var fileSystems = []struct {
	name  string
	magic uint32
}{
	{"debugfs", 0x64626720},
	{"tracefs", 0x74726163},
	{"securityfs", 0x73636673},
	{"sysfs", 0x62656572},
	{"proc", 0x9fa0},
	{"tmpfs", 0x01021994},
}

// families are the names of saddr_fam with the numbers of socket.h; the
// kernel takes numbers below AF_MAX.
var families = []struct {
	name   string
	number uint32
}{
	{"unix", 1},
	{"local", 1},
	{"inet", 2},
	{"ax25", 3},
	{"x25", 9},
	{"inet6", 10},
	{"netlink", 16},
	{"packet", 17},
	{"can", 29},
	{"tipc", 30},
	{"bluetooth", 31},
	{"alg", 38},
	{"vsock", 40},
	{"xdp", 44},
}

const maxFamily = 46 // AF_MAX of Linux 6; older kernels refuse the last few themselves

// suggest asks whether the candidate nearest to word was meant; it is "" where
// none comes near.
func suggest(word string, candidates []string) string {
	near := spelling.Nearest(word, candidates)
	if near == "" {
		return ""
	}
	return "; did you mean \"" + near + "\"?"
}

func fieldNames() string {
	var names []string
	for _, f := range fields {
		if f.kind != kindCompare {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}
