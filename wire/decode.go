package wire

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-security/holdfast/event"
)

// Decoder reads frames. It keeps its buffers between frames and belongs to one
// goroutine at a time. Make it with [NewDecoder].
type Decoder struct {
	zstd    *zstd.Decoder
	cbor    cbor.DecMode
	content []byte
	batch   batch

	texts     []string
	files     []*event.File
	processes []*event.Process
	depths    []int
	listed    int
	err       error // the first reference that leads nowhere
}

// NewDecoder returns a Decoder. It starts no goroutine and needs no closing.
func NewDecoder() *Decoder {
	mode, err := cbor.DecOptions{
		MaxArrayElements: maxList, MaxMapPairs: maxPairs, MaxNestedLevels: maxNesting,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8DecodeInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	decompressor, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxContent), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err)
	}
	return &Decoder{zstd: decompressor, cbor: mode}
}

// DecodeFrame returns the header and the events of a frame, which share
// nothing with it. Within a frame, process images and files that were one when
// it was made are one again.
//
// The frame is hostile: errors wrap [ErrMalformed], [ErrOversized] or
// [ErrVersion], and memory stays within a small multiple of [MaxContent]. The
// numbers in an event (class, status …) and its Host are what the sender
// wrote: the caller replaces Host by the host that the frame came from.
func (d *Decoder) DecodeFrame(frame []byte) (Header, []event.Event, error) {
	h, size, err := parseHeader(frame)
	if err != nil {
		return h, nil, err
	}
	defer d.reset()
	if cap(d.content) < size {
		d.content = make([]byte, 0, size)
	}
	content, err := d.zstd.DecodeAll(frame[HeaderSize:], d.content[:0:size])
	if err != nil {
		return h, nil, fmt.Errorf("decompress a frame: %w: %w", ErrMalformed, err)
	}
	if len(content) != size {
		return h, nil, fmt.Errorf("frame: %w: %d bytes of content, its header says %d", ErrMalformed, len(content), size)
	}
	if err := d.cbor.Unmarshal(content, &d.batch); err != nil {
		return h, nil, fmt.Errorf("decode a frame: %w: %w", ErrMalformed, err)
	}
	if len(d.batch.Events) != int(h.Count) {
		return h, nil, fmt.Errorf("frame: %w: %d events, its header says %d", ErrMalformed, len(d.batch.Events), h.Count)
	}
	events, err := d.events()
	return h, events, err
}

// reset forgets the events and keeps the memory, unless a frame made it large.
func (d *Decoder) reset() {
	b := &d.batch
	if cap(d.content) > keepContent || cap(b.Processes) > MaxEvents || cap(b.Files) > MaxEvents || cap(b.Lengths) > 4*MaxEvents {
		*d = Decoder{zstd: d.zstd, cbor: d.cbor}
		return
	}
	// The decoder of CBOR fills what is there and does not empty it first.
	clear(b.Files[:cap(b.Files)])
	clear(b.Processes[:cap(b.Processes)])
	clear(b.Events[:cap(b.Events)])
	*b = batch{Lengths: b.Lengths[:0], Text: b.Text[:0], Files: b.Files[:0], Processes: b.Processes[:0], Events: b.Events[:0]}
	clear(d.texts)
	clear(d.files)
	clear(d.processes)
	d.texts, d.files, d.processes, d.depths = d.texts[:0], d.files[:0], d.processes[:0], d.depths[:0]
	d.listed, d.err = 0, nil
}

func (d *Decoder) events() ([]event.Event, error) {
	if err := d.fillTexts(); err != nil {
		return nil, err
	}
	for i := range d.batch.Files {
		d.files = append(d.files, d.newFile(&d.batch.Files[i]))
	}
	for i := range d.batch.Processes {
		if err := d.addProcess(&d.batch.Processes[i]); err != nil {
			return nil, err
		}
	}
	events := make([]event.Event, len(d.batch.Events))
	for i := range events {
		d.fillEvent(&events[i], &d.batch.Events[i])
	}
	if d.err != nil {
		return nil, d.err
	}
	return events, nil
}

// fillTexts cuts the batch's text. Each text gets memory of its own, so that an
// event that is kept does not keep the texts of its whole frame.
func (d *Decoder) fillTexts() error {
	rest := d.batch.Text
	for _, n := range d.batch.Lengths {
		if uint64(n) > uint64(len(rest)) {
			return fmt.Errorf("frame: %w: a text ends behind the last byte", ErrMalformed)
		}
		d.texts = append(d.texts, string(rest[:n]))
		rest = rest[n:]
	}
	return nil
}

func (d *Decoder) fillEvent(ev *event.Event, o *occurrence) {
	*ev = event.Event{
		Time: d.time(o.Time), Class: event.Class(o.Class), Activity: event.Activity(o.Activity), Status: event.Status(o.Status),
		Source: event.Source(d.text(o.Source)), Host: event.HostID(d.text(o.Host)), Serial: o.Serial, Count: o.Count,
		Last: d.time(o.Last), Process: d.process(o.Process), Target: d.process(o.Target), User: d.user(o.User, o.UserName),
		File: d.file(o.File), Logon: d.logon(o.Logon), Network: d.network(o.Network), Kernel: d.kernel(o.Kernel),
		Key: d.text(o.Key), Message: d.text(o.Message), Records: d.records(o.Records),
	}
	if o.Group != 0 {
		ev.Group = &event.Group{GID: d.number(o.Group), Name: d.text(o.GroupName)}
	}
	if o.Exit != nil {
		ev.Exit = &event.Exit{Code: int(o.Exit.Code), Signal: d.text(o.Exit.Signal)}
	}
}

func (d *Decoder) addProcess(in *process) error {
	p := &event.Process{
		UID: event.ProcessUID{PID: in.UIDPID ^ in.PID, Start: in.UIDStart}, PID: in.PID, PPID: in.PPID,
		Parent: d.process(in.Parent), Name: d.text(in.Name), Executable: d.file(in.Exe),
		CommandLine: d.text(in.Line), Arguments: d.list(in.Args), Truncated: in.Truncated,
		Directory: d.text(in.Directory), Script: d.text(in.Script), Started: d.time(in.Started), Executed: d.time(in.Executed),
		User:      event.User{UID: in.User, Name: d.text(in.UserName)},
		Effective: d.user(in.Effective, in.EffectiveName), Login: d.user(in.Login, in.LoginName),
		Session: in.Session, Terminal: d.text(in.Terminal),
		Entry: event.EntryPoint{
			Kind: event.EntryKind(d.text(in.EntryKind)), Address: d.text(in.EntryAddress),
			User: d.text(in.EntryUser), Unit: d.text(in.EntryUnit),
		},
		Container: d.container(in.Container), Descriptors: d.descriptors(in.Descriptors), Environment: d.list(in.Environment),
	}
	switch boot := d.text(in.Boot); len(boot) {
	case 0:
	case len(p.UID.Boot):
		copy(p.UID.Boot[:], boot)
	default:
		d.fail("a boot id of %d bytes", len(boot))
	}
	depth := 1
	if p.Parent != nil {
		depth += d.depths[in.Parent-1]
	}
	if depth > event.MaxLineage {
		d.fail("a lineage of more than %d processes", event.MaxLineage)
	}
	d.processes, d.depths = append(d.processes, p), append(d.depths, depth)
	return d.err
}

func (d *Decoder) newFile(in *file) *event.File {
	return &event.File{
		Path: d.text(in.Path), NewPath: d.text(in.NewPath), SHA256: d.text(in.SHA256), Package: d.text(in.Package),
		Size: in.Size, Mode: in.Mode, UID: in.UID, Inode: in.Inode, Device: in.Device, Changed: d.time(in.Changed),
		Kind: event.FileKind(d.text(in.Kind)), Owned: event.Owned(d.text(in.Owned)), Truncated: in.Truncated,
	}
}

func (d *Decoder) logon(in *logon) *event.Logon {
	if in == nil {
		return nil
	}
	return &event.Logon{
		Service: d.text(in.Service), Method: d.text(in.Method), Address: d.address(in.Address), Port: in.Port,
		Hostname: d.text(in.Hostname), Terminal: d.text(in.Terminal), Invalid: in.Invalid, Command: d.text(in.Command),
	}
}

func (d *Decoder) network(in *network) *event.Network {
	if in == nil {
		return nil
	}
	return &event.Network{
		Protocol: d.text(in.Protocol), Direction: d.text(in.Direction),
		Local:  netip.AddrPortFrom(d.address(in.Local), in.LocalPort),
		Remote: netip.AddrPortFrom(d.address(in.Remote), in.RemotePort),
		Inode:  in.Inode, BytesSent: in.BytesSent, BytesRecv: in.BytesRecv,
	}
}

func (d *Decoder) kernel(in *kernel) *event.Kernel {
	if in == nil {
		return nil
	}
	return &event.Kernel{
		Name: d.text(in.Name), Type: d.text(in.Type), Syscall: d.text(in.Syscall), Source: d.text(in.Source),
		Arguments: d.list(in.Arguments), Request: d.text(in.Request), Adjusted: time.Duration(in.Adjusted),
		Capabilities: d.list(in.Capabilities),
	}
}

func (d *Decoder) container(in []text) *event.Container {
	if len(in) == 0 {
		return nil
	}
	if len(in) != 4 {
		d.fail("a container of %d texts", len(in))
		return nil
	}
	return &event.Container{ID: d.text(in[0]), Runtime: d.text(in[1]), Name: d.text(in[2]), Image: d.text(in[3])}
}

func (d *Decoder) user(id account, name text) *event.User {
	if id == 0 {
		return nil
	}
	return &event.User{UID: d.number(id), Name: d.text(name)}
}

// number returns a user or group id.
func (d *Decoder) number(id account) uint32 {
	if id > 1<<32 {
		d.fail("an account number above 32 bits")
	}
	return uint32(id - 1)
}

func (d *Decoder) descriptors(in []int64) []event.Descriptor {
	if !d.take(len(in)) {
		return nil
	}
	if len(in)%3 != 0 {
		d.fail("a list of descriptors that ends early")
		return nil
	}
	out := make([]event.Descriptor, len(in)/3)
	for i := range out {
		part := in[3*i:]
		out[i] = event.Descriptor{
			FD: int(part[0]), Kind: event.DescriptorKind(d.text64(part[1])), Target: d.text64(part[2]),
		}
	}
	return out
}

func (d *Decoder) records(in []text) []event.Record {
	if !d.take(len(in)) {
		return nil
	}
	var out []event.Record
	for len(in) > 0 {
		if len(in) < 2 || int64(in[1]) > int64(len(in)-2)/2 {
			d.fail("a list of records that ends early")
			return nil
		}
		record := event.Record{Type: d.text(in[0])}
		fields := in[2 : 2+2*in[1]]
		if len(fields) > 0 {
			record.Fields = make([]event.Pair, len(fields)/2)
		}
		for i := range record.Fields {
			record.Fields[i] = event.Pair{Name: d.text(fields[2*i]), Value: d.text(fields[2*i+1])}
		}
		out = append(out, record)
		in = in[2+len(fields):]
	}
	return out
}

func (d *Decoder) list(in []text) []string {
	if !d.take(len(in)) {
		return nil
	}
	out := make([]string, len(in))
	for i, ref := range in {
		out[i] = d.text(ref)
	}
	return out
}

// take counts n elements of a list against the bound of the batch, and reports
// whether there is anything to read.
func (d *Decoder) take(n int) bool {
	if d.listed += n; d.listed > maxListed {
		d.fail("more than %d elements in its lists", maxListed)
		return false
	}
	return n > 0
}

func (d *Decoder) text(ref text) string {
	if ref == 0 {
		return ""
	}
	if uint64(ref) > uint64(len(d.texts)) {
		d.fail("no text %d", ref)
		return ""
	}
	return d.texts[ref-1]
}

func (d *Decoder) text64(ref int64) string {
	if ref < 0 || ref > maxList {
		d.fail("no text %d", ref)
		return ""
	}
	return d.text(text(ref))
}

func (d *Decoder) file(ref fileRef) *event.File {
	if ref == 0 {
		return nil
	}
	if uint64(ref) > uint64(len(d.files)) {
		d.fail("no file %d", ref)
		return nil
	}
	return d.files[ref-1]
}

// process returns a process that was added before.
func (d *Decoder) process(ref processRef) *event.Process {
	if ref == 0 {
		return nil
	}
	if uint64(ref) > uint64(len(d.processes)) {
		d.fail("no process %d before the one that names it", ref)
		return nil
	}
	return d.processes[ref-1]
}

func (d *Decoder) address(ref text) netip.Addr {
	var addr netip.Addr
	if s := d.text(ref); s != "" {
		if err := addr.UnmarshalBinary([]byte(s)); err != nil {
			d.fail("an address of %d bytes", len(s))
		}
	}
	return addr
}

func (d *Decoder) time(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	if m > 0 {
		m--
	}
	return time.Unix(0, d.batch.Base+m).UTC()
}

// fail keeps the first fault; what follows is decoded in vain.
func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("frame: %w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}
