package wire

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-security/holdfast/event"
)

// Encoder makes frames. It keeps its buffers between frames and belongs to one
// goroutine at a time. Make it with [NewEncoder].
type Encoder struct {
	zstd    *zstd.Encoder
	cbor    cbor.UserBufferEncMode
	content bytes.Buffer
	batch   batch
	listed  int // elements of all lists inside files, processes and events
	longest int // of these lists

	texts     map[string]text
	files     map[*event.File]fileRef
	processes map[*event.Process]processRef
	depths    []int // of the processes in the batch: images in the lineage
	chain     []*event.Process
	scratch   [64]byte
}

// NewEncoder returns an Encoder. It starts no goroutine and needs no closing.
func NewEncoder() *Encoder {
	mode, err := cbor.EncOptions{}.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithWindowSize(256<<10))
	if err != nil {
		panic(err)
	}
	return &Encoder{
		zstd: compressor, cbor: mode,
		texts: make(map[string]text), files: make(map[*event.File]fileRef), processes: make(map[*event.Process]processRef),
	}
}

// AppendFrame appends a frame of the events to dst. Count of the header is
// ignored: it is the number of events, at least one. The events are not kept.
//
// An error wraps [ErrOversized] when the events do not fit into one frame; the
// caller splits them. dst is returned unchanged with any error.
//
// What comes back from [Decoder.DecodeFrame] equals what was given but for
// this: times are UTC, without monotonic reading, and not before 1824 or after
// 2116; empty lists are nil; a lineage ends after [event.MaxLineage] images.
func (e *Encoder) AppendFrame(dst []byte, h Header, events []*event.Event) ([]byte, error) {
	defer e.reset()
	if len(events) > MaxEvents {
		return dst, fmt.Errorf("frame of %d events: %w: at most %d", len(events), ErrOversized, MaxEvents)
	}
	h.Count = uint32(len(events))
	if err := h.check(); err != nil {
		return dst, err
	}
	e.fill(events)
	if err := e.fits(); err != nil {
		return dst, err
	}
	if err := e.cbor.MarshalToBuffer(&e.batch, &e.content); err != nil {
		return dst, fmt.Errorf("encode %d events: %w", len(events), err)
	}
	if e.content.Len() > MaxContent {
		return dst, fmt.Errorf("%d events of %d bytes: %w: at most %d", len(events), e.content.Len(), ErrOversized, MaxContent)
	}
	start := len(dst)
	frame := append(dst, make([]byte, HeaderSize)...)
	frame = e.zstd.EncodeAll(e.content.Bytes(), frame)
	if len(frame)-start > MaxFrame {
		return dst, fmt.Errorf("frame of %d bytes: %w: at most %d", len(frame)-start, ErrOversized, MaxFrame)
	}
	putHeader(frame[start:], h, e.content.Len())
	return frame, nil
}

// fits reports a batch that a decoder would refuse.
func (e *Encoder) fits() error {
	longest := max(e.longest, len(e.batch.Lengths), len(e.batch.Files), len(e.batch.Processes))
	if longest > maxList || e.listed > maxListed || len(e.batch.Text) > MaxContent {
		return fmt.Errorf("batch of %d events: %w: too many texts or processes", len(e.batch.Events), ErrOversized)
	}
	return nil
}

// keepContent is the capacity that the buffer of the content may keep.
const keepContent = 1 << 20

// reset forgets the events and keeps the memory.
func (e *Encoder) reset() {
	b := &e.batch
	clear(b.Files)
	clear(b.Processes)
	clear(b.Events)
	*b = batch{Lengths: b.Lengths[:0], Text: b.Text[:0], Files: b.Files[:0], Processes: b.Processes[:0], Events: b.Events[:0]}
	clear(e.texts)
	clear(e.files)
	clear(e.processes)
	clear(e.chain[:cap(e.chain)])
	e.depths, e.listed, e.longest = e.depths[:0], 0, 0
	e.content.Reset()
	if e.content.Cap() > keepContent || cap(b.Text) > keepContent {
		e.content, b.Text = bytes.Buffer{}, nil
	}
}

func (e *Encoder) fill(events []*event.Event) {
	e.batch.Base = nanoseconds(events[0].Time)
	for _, ev := range events {
		e.batch.Events = append(e.batch.Events, e.event(ev))
	}
}

func (e *Encoder) event(ev *event.Event) occurrence {
	o := occurrence{
		Time: e.moment(ev.Time), Class: uint16(ev.Class), Activity: uint8(ev.Activity), Status: uint8(ev.Status),
		Source: e.text(string(ev.Source)), Host: e.text(string(ev.Host)), Serial: ev.Serial, Count: ev.Count,
		Last: e.moment(ev.Last), Key: e.text(ev.Key), Message: e.text(ev.Message),
		Process: e.process(ev.Process), Target: e.process(ev.Target), File: e.file(ev.File),
		Logon: e.logon(ev.Logon), Network: e.network(ev.Network), Kernel: e.kernel(ev.Kernel),
		Records: e.records(ev.Records),
	}
	o.User, o.UserName = e.user(ev.User)
	if g := ev.Group; g != nil {
		o.Group, o.GroupName = account(g.GID)+1, e.text(g.Name)
	}
	if x := ev.Exit; x != nil {
		o.Exit = &exit{Code: int64(x.Code), Signal: e.text(x.Signal)}
	}
	return o
}

// process returns the number of p, after adding those of its lineage that the
// batch does not hold yet, eldest first.
func (e *Encoder) process(p *event.Process) processRef {
	e.chain = e.chain[:0]
	var ref processRef
	for ; p != nil && len(e.chain) < event.MaxLineage; p = p.Parent {
		if known := e.processes[p]; known != 0 {
			ref = known
			break
		}
		e.chain = append(e.chain, p)
	}
	for i := len(e.chain) - 1; i >= 0; i-- {
		ref = e.addProcess(e.chain[i], ref)
	}
	return ref
}

func (e *Encoder) addProcess(p *event.Process, parent processRef) processRef {
	depth := 1
	if parent != 0 {
		depth += e.depths[parent-1]
	}
	if depth > event.MaxLineage {
		parent, depth = 0, 1
	}
	out := process{
		UIDStart: p.UID.Start, PID: p.PID, Parent: parent, PPID: p.PPID, Name: e.text(p.Name),
		Exe: e.file(p.Executable), Line: e.text(p.CommandLine), Args: e.list(p.Arguments), Truncated: p.Truncated,
		Directory: e.text(p.Directory), Script: e.text(p.Script), Started: e.moment(p.Started), Executed: e.moment(p.Executed),
		User: p.User.UID, UserName: e.text(p.User.Name), Session: p.Session, Terminal: e.text(p.Terminal),
		EntryKind: e.text(string(p.Entry.Kind)), EntryAddress: e.text(p.Entry.Address),
		EntryUser: e.text(p.Entry.User), EntryUnit: e.text(p.Entry.Unit),
		Descriptors: e.descriptors(p.Descriptors), Environment: e.list(p.Environment),
	}
	if p.UID.Boot != (event.BootID{}) {
		out.Boot = e.bytes(p.UID.Boot[:])
	}
	out.UIDPID = p.UID.PID ^ p.PID
	out.Effective, out.EffectiveName = e.user(p.Effective)
	out.Login, out.LoginName = e.user(p.Login)
	if c := p.Container; c != nil {
		out.Container = []text{e.text(c.ID), e.text(c.Runtime), e.text(c.Name), e.text(c.Image)}
	}
	e.batch.Processes = append(e.batch.Processes, out)
	e.depths = append(e.depths, depth)
	ref := processRef(len(e.batch.Processes))
	e.processes[p] = ref
	return ref
}

func (e *Encoder) file(f *event.File) fileRef {
	if f == nil {
		return 0
	}
	if known := e.files[f]; known != 0 {
		return known
	}
	e.batch.Files = append(e.batch.Files, file{
		Path: e.text(f.Path), NewPath: e.text(f.NewPath), SHA256: e.text(f.SHA256), Package: e.text(f.Package),
		Size: f.Size, Mode: f.Mode, UID: f.UID, Inode: f.Inode, Device: f.Device, Changed: e.moment(f.Changed),
		Kind: e.text(string(f.Kind)), Owned: e.text(string(f.Owned)), Truncated: f.Truncated,
	})
	ref := fileRef(len(e.batch.Files))
	e.files[f] = ref
	return ref
}

func (e *Encoder) logon(l *event.Logon) *logon {
	if l == nil {
		return nil
	}
	return &logon{
		Service: e.text(l.Service), Method: e.text(l.Method), Address: e.address(l.Address), Port: l.Port,
		Hostname: e.text(l.Hostname), Terminal: e.text(l.Terminal), Invalid: l.Invalid, Command: e.text(l.Command),
	}
}

func (e *Encoder) network(n *event.Network) *network {
	if n == nil {
		return nil
	}
	return &network{
		Protocol: e.text(n.Protocol), Direction: e.text(n.Direction),
		Local: e.address(n.Local.Addr()), LocalPort: n.Local.Port(),
		Remote: e.address(n.Remote.Addr()), RemotePort: n.Remote.Port(),
		Inode: n.Inode, BytesSent: n.BytesSent, BytesRecv: n.BytesRecv,
	}
}

func (e *Encoder) kernel(k *event.Kernel) *kernel {
	if k == nil {
		return nil
	}
	return &kernel{
		Name: e.text(k.Name), Type: e.text(k.Type), Syscall: e.text(k.Syscall), Source: e.text(k.Source),
		Arguments: e.list(k.Arguments), Request: e.text(k.Request), Adjusted: int64(k.Adjusted),
		Capabilities: e.list(k.Capabilities),
	}
}

func (e *Encoder) user(u *event.User) (account, text) {
	if u == nil {
		return 0, 0
	}
	return account(u.UID) + 1, e.text(u.Name)
}

func (e *Encoder) descriptors(ds []event.Descriptor) []int64 {
	if len(ds) == 0 {
		return nil
	}
	e.count(3 * len(ds))
	out := make([]int64, 0, 3*len(ds))
	for _, d := range ds {
		out = append(out, int64(d.FD), int64(e.text(string(d.Kind))), int64(e.text(d.Target)))
	}
	return out
}

func (e *Encoder) records(records []event.Record) []text {
	var out []text
	for _, r := range records {
		out = append(out, e.text(r.Type), text(len(r.Fields)))
		for _, f := range r.Fields {
			out = append(out, e.text(f.Name), e.text(f.Value))
		}
	}
	e.count(len(out))
	return out
}

func (e *Encoder) list(list []string) []text {
	if len(list) == 0 {
		return nil
	}
	e.count(len(list))
	out := make([]text, len(list))
	for i, s := range list {
		out[i] = e.text(s)
	}
	return out
}

// count keeps account of a list of n elements.
func (e *Encoder) count(n int) {
	e.listed += n
	e.longest = max(e.longest, n)
}

// text returns the number of s.
func (e *Encoder) text(s string) text {
	if s == "" {
		return 0
	}
	if known := e.texts[s]; known != 0 {
		return known
	}
	e.batch.Text = append(e.batch.Text, s...)
	e.batch.Lengths = append(e.batch.Lengths, uint32(len(s)))
	ref := text(len(e.batch.Lengths))
	e.texts[s] = ref
	return ref
}

// bytes is text for bytes.
func (e *Encoder) bytes(b []byte) text {
	if known := e.texts[string(b)]; known != 0 {
		return known
	}
	return e.text(string(b))
}

func (e *Encoder) address(a netip.Addr) text {
	if !a.IsValid() {
		return 0
	}
	b, err := a.AppendBinary(e.scratch[:0])
	if err != nil {
		return 0 // it never fails
	}
	return e.bytes(b)
}

// moment encodes a time relative to the batch's base.
func (e *Encoder) moment(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	m := nanoseconds(t) - e.batch.Base
	if m >= 0 {
		m++
	}
	return m
}

// nanoseconds returns the time since 1970, moved to the nearest that can be
// encoded.
func nanoseconds(t time.Time) int64 {
	const seconds = maxTimestamp / int64(time.Second)
	switch s := t.Unix(); {
	case s >= seconds:
		return maxTimestamp
	case s <= -seconds:
		return -maxTimestamp
	}
	return t.UnixNano()
}
