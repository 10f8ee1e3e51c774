package rule

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Layout of struct audit_rule_data, linux/audit.h: flags, action and
// field_count, then mask, fields, values and fieldflags, then buflen, then
// the strings.
const (
	offMask   = 12
	offFields = offMask + 4*maskWords
	offValues = offFields + 4*MaxFields
	offFlags  = offValues + 4*MaxFields
	offBuflen = offFlags + 4*MaxFields
	fixedLen  = offBuflen + 4

	flagPrepend = 0x10 // AUDIT_FILTER_PREPEND

	maxBuffer = 16 << 10 // of strings: more than a path, an executable and a key need
	maxPath   = 4096     // PATH_MAX
)

// ErrControl is returned when a control line is asked for its kernel form.
var ErrControl = errors.New("a control line is not a rule")

// MarshalBinary returns the rule as struct audit_rule_data, in host byte
// order, without padding. It fails for a [Control] line and for a rule that
// breaks a limit of the kernel.
func (r *Rule) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// AppendBinary appends to dst what [Rule.MarshalBinary] returns.
func (r *Rule) AppendBinary(dst []byte) ([]byte, error) {
	if r.Control != nil {
		return nil, ErrControl
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	start := len(dst)
	dst = slices.Grow(dst, fixedLen+128)[:start+fixedLen]
	b := dst[start:]
	clear(b)
	flags := uint32(r.List)
	if r.Prepend {
		flags |= flagPrepend
	}
	put := binary.NativeEndian.PutUint32
	put(b, flags)
	put(b[4:], uint32(r.Action))
	put(b[8:], uint32(len(r.Fields)))
	for i, word := range r.Syscalls {
		put(b[offMask+4*i:], word)
	}
	length := 0
	for i, f := range r.Fields {
		value := f.Value
		if fieldByID(f.ID).kind.text() {
			value = uint32(len(f.Text))
			length += len(f.Text)
		}
		put(b[offFields+4*i:], uint32(f.ID))
		put(b[offValues+4*i:], value)
		put(b[offFlags+4*i:], uint32(f.Op))
	}
	put(b[offBuflen:], uint32(length))
	for _, f := range r.Fields {
		dst = append(dst, f.Text...)
	}
	return dst, nil
}

// UnmarshalBinary reads a rule as the kernel lists it. Padding after the
// strings is ignored. What the kernel cannot have accepted is refused.
func (r *Rule) UnmarshalBinary(data []byte) error {
	if len(data) < fixedLen {
		return fmt.Errorf("audit rule of %d bytes: at least %d are needed", len(data), fixedLen)
	}
	get := binary.NativeEndian.Uint32
	count, length := get(data[8:]), get(data[offBuflen:])
	if count > MaxFields {
		return fmt.Errorf("audit rule of %d fields: at most %d are possible", count, MaxFields)
	}
	if uint64(length) > uint64(len(data)-fixedLen) {
		return fmt.Errorf("audit rule with %d bytes of text where %d are left", length, len(data)-fixedLen)
	}
	flags := get(data)
	read := Rule{
		List: List(flags &^ flagPrepend), Prepend: flags&flagPrepend != 0, Action: Action(get(data[4:])),
		Fields: make([]Field, count),
	}
	for i := range read.Syscalls {
		read.Syscalls[i] = get(data[offMask+4*i:])
	}
	buffer := data[fixedLen : fixedLen+int(length)]
	for i := range read.Fields {
		f := &read.Fields[i]
		f.ID = FieldID(get(data[offFields+4*i:]))
		f.Op = Op(get(data[offFlags+4*i:]))
		f.Value = get(data[offValues+4*i:])
		known := fieldByID(f.ID)
		if known == nil {
			return fmt.Errorf("audit rule with field number %d, which this build does not know", f.ID)
		}
		if !known.kind.text() {
			continue
		}
		if uint64(f.Value) > uint64(len(buffer)) {
			return fmt.Errorf("audit rule whose %s has %d bytes where %d are left", known.name, f.Value, len(buffer))
		}
		f.Text, buffer, f.Value = string(buffer[:f.Value]), buffer[f.Value:], 0
	}
	if len(buffer) > 0 {
		return fmt.Errorf("audit rule with %d bytes of text that belong to no field", len(buffer))
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("audit rule: %w", err)
	}
	*r = read
	return nil
}

// check holds the rule against what kernel/auditfilter.c accepts
// (audit_data_to_entry, audit_field_valid).
func (r *Rule) check() error {
	if _, ok := listNames[r.List]; !ok {
		return fmt.Errorf("list number %d is unknown", r.List)
	}
	if r.Action != Never && r.Action != Always {
		return fmt.Errorf("action number %d is unknown; write always or never", r.Action)
	}
	if err := r.checkSyscalls(); err != nil {
		return err
	}
	if len(r.Fields) > MaxFields {
		return fmt.Errorf("%d fields are too many; the kernel takes %d", len(r.Fields), MaxFields)
	}
	text, places, keys := 0, 0, 0
	for _, f := range r.Fields {
		if err := r.checkField(f); err != nil {
			return err
		}
		text += len(f.Text)
		switch f.ID {
		case FieldPath, FieldDir:
			places++
		case FieldKey:
			keys++
		}
	}
	switch {
	case places > 1:
		return errors.New("a rule watches one path or one dir; write a rule for each")
	case keys > 1:
		return errors.New("a rule has one key field; join the keys")
	case text > maxBuffer:
		return fmt.Errorf("%d bytes of text are too many; shorten the paths", text)
	}
	return nil
}

func (r *Rule) checkSyscalls() error {
	switch {
	case r.Syscalls == Mask{}:
		return errors.New("the rule is for no system call; write -S or leave it out for all")
	case r.Syscalls[maskWords-1]>>16 != 0:
		return errors.New("the rule is for system call numbers that stand for classes")
	case r.Syscalls != AllSyscalls && r.List != ListExit && r.List != ListIOUring:
		return fmt.Errorf("-S does not work on list %s; write it on exit or leave it out", r.List)
	}
	return nil
}

func (r *Rule) checkField(f Field) error {
	known := fieldByID(f.ID)
	switch {
	case known == nil:
		return fmt.Errorf("field number %d is unknown", f.ID)
	case known.lists&(1<<r.List) == 0:
		return fmt.Errorf("field %s does not work on list %s; it works on %s", known.name, r.List, listsOf(known))
	case !known.ops.allow(f.Op):
		return fmt.Errorf("field %s does not take the operator %s; write %s", known.name, f.Op, known.ops)
	case known.kind.text():
		return checkText(known, f.Text)
	case f.Text != "":
		return fmt.Errorf("field %s is a number", known.name)
	}
	return checkNumber(known, f.Value)
}

func listsOf(f *field) string {
	var names []string
	for _, l := range []List{ListTask, ListExit, ListUser, ListExclude, ListFilesystem, ListIOUring} {
		if f.lists&(1<<l) != 0 {
			names = append(names, l.String())
		}
	}
	return strings.Join(names, ", ")
}

func checkText(f *field, text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s is empty", f.name)
	case strings.ContainsRune(text, 0):
		return fmt.Errorf("%s holds a NUL byte", f.name)
	case f.kind == kindKey && len(text) > MaxKey:
		return fmt.Errorf("the key is %d bytes long; the kernel takes %d", len(text), MaxKey)
	case len(text) >= maxPath:
		return fmt.Errorf("%s is %d bytes long; the kernel takes %d", f.name, len(text), maxPath-1)
	case f.kind != kindPath:
		return nil
	case text[0] != '/':
		return fmt.Errorf("%s %q is not absolute; write the path from /", f.name, text)
	case f.id != FieldDir && text[len(text)-1] == '/':
		return fmt.Errorf("%s %q ends with a slash; watch a directory with dir=", f.name, text)
	}
	return nil
}

func checkNumber(f *field, value uint32) error {
	switch f.kind {
	case kindPerm:
		if value == 0 || value&^15 != 0 {
			return fmt.Errorf("%s %#x is no set of r, w, x and a", f.name, value)
		}
	case kindType:
		if value > 1<<16-1 {
			return fmt.Errorf("%s %d is no record type", f.name, value)
		}
	case kindFileType:
		if value&^0o170000 != 0 {
			return fmt.Errorf("%s %#o is no type of file", f.name, value)
		}
	case kindCompare:
		if value == 0 || value > uint32(len(comparisons)) {
			return fmt.Errorf("comparison number %d is unknown", value)
		}
	case kindFamily:
		if value >= maxFamily {
			return fmt.Errorf("%s %d is no address family", f.name, value)
		}
	case kindFlag:
		if value > 1 {
			return fmt.Errorf("%s is %d; write 0 or 1", f.name, value)
		}
	}
	return nil
}
