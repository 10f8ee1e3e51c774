package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/wire"
)

var address = netip.MustParseAddr("192.0.2.7")

const (
	hostA event.HostID = "haaaaaaaaaaaaaaaa"
	hostB event.HostID = "hbbbbbbbbbbbbbbbb"
)

// rig is a stream and a disk, on which one process after the other works.
type rig struct {
	t      *testing.T
	stream *fakeStream
	disk   *disk
	starts int
	adjust func(*Config)
}

func newRig(t *testing.T) *rig { return &rig{t: t, stream: newStream(), disk: newDisk()} }

// start starts a process and returns how to stop it.
func (r *rig) start(f *fault) (p *Pipeline, stop func()) {
	r.starts++
	ctx, cancel := context.WithCancel(r.t.Context())
	f.kill = cancel
	cfg := Config{
		Partition: "0", Source: r.stream, State: &fakeState{r.disk, f},
		Telemetry: &fakeTelemetry{disk: r.disk, fault: f, name: fmt.Sprint("p", r.starts)},
		Rules:     compile(r.t, testRules), CommitRows: 7, StopTime: time.Second,
	}
	if r.adjust != nil {
		r.adjust(&cfg)
	}
	p = New(cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	return p, func() {
		cancel()
		<-done
	}
}

// settle lets everything happen that is going to.
func (r *rig) settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

// fill publishes frames of two hosts: serials 1 to 24 of each, with alerts.
func (r *rig) fill() {
	a, b := newSender(r.t, hostA), newSender(r.t, hostB)
	for i := range 6 {
		r.stream.publish(a.message(launch("/bin/true"), launch("/tmp/tool"), failure("root"), launch(fmt.Sprintf("/opt/%d/tool", i%2))))
		r.stream.publish(b.message(failure("root"), launch("/bin/true")))
		m := b.message(launch("/tmp/tool"), launch("/bin/false"))
		r.stream.publish(m)
		r.stream.publish(m) // sent again
	}
}

func upTo(n uint64) []uint64 {
	var all []uint64
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// check says what differs from a run without any trouble.
func (r *rig) check(want map[string]uint32) {
	r.t.Helper()
	for host, want := range map[event.HostID]fleet.Intake{
		hostA: {Epoch: "0161000000000000", Sequence: 6, Events: 24, Stored: 24},
		hostB: {Epoch: "0162000000000000", Sequence: 12, Events: 24, Stored: 24, Repeated: 6},
	} {
		if got := r.disk.events(host); !slices.Equal(got, upTo(24)) {
			r.t.Errorf("stored events of %s: %v", host, got)
		}
		if diff := cmp.Diff(want, r.disk.intake(host)); diff != "" {
			r.t.Errorf("intake of %s (-want +got):\n%s", host, diff)
		}
	}
	if diff := cmp.Diff(want, r.disk.counts()); diff != "" {
		r.t.Errorf("alerts (-want +got):\n%s", diff)
	}
	for id, n := range r.disk.saved {
		if n != 1 {
			r.t.Errorf("alert %s was new %d times", id, n)
		}
	}
}

// untroubled returns the alerts of a run without trouble.
func untroubled(t *testing.T) (want map[string]uint32, operations int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, f := newRig(t), &fault{}
		r.fill()
		_, stop := r.start(f)
		r.settle()
		stop()
		want, operations = r.disk.counts(), f.count
		r.check(want)
	})
	titles := make(map[string]uint32)
	for key, n := range want {
		titles[key[:len(key)-33]] += n
	}
	if diff := cmp.Diff(map[string]uint32{"A test tool ran": 18, "Many failed logons": 2}, titles); diff != "" {
		t.Errorf("alerts by title (-want +got):\n%s", diff)
	}
	return want, operations
}

func TestEverythingIsStoredOnceAndAlertsOnce(t *testing.T) { untroubled(t) }

func TestCrashAtEveryStep(t *testing.T) {
	want, operations := untroubled(t)
	for _, after := range []bool{false, true} {
		for at := 1; at <= operations; at++ {
			t.Run(fmt.Sprintf("%d after=%v", at, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					r.fill()
					_, stop := r.start(&fault{at: at, after: after})
					r.settle()
					stop()
					_, stop = r.start(&fault{at: at/2 + 2, after: !after}) // and once more
					r.settle()
					stop()
					_, stop = r.start(&fault{})
					r.settle()
					stop()
					r.check(want)
				})
			})
		}
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	want, operations := untroubled(t)
	for _, after := range []bool{false, true} {
		for at := 1; at <= operations; at += 3 {
			t.Run(fmt.Sprintf("%d after=%v", at, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					r.fill()
					f := &fault{at: at, refuse: 5, after: after}
					p, stop := r.start(f)
					synctest.Wait()
					if s := p.Status(); f.begun() && (s.State != Stalled || s.Detail == "") {
						t.Errorf("status is %+v", s)
					}
					r.settle()
					if s := p.Status(); s.State != Running {
						t.Errorf("after the trouble the status is %+v", s)
					}
					if n := p.Stats().Failures; n != 5 {
						t.Errorf("%d failures counted", n)
					}
					stop()
					r.check(want)
				})
			})
		}
	}
}

func TestUnknownAndForgedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := newSender(t, hostA)
		foreign := launch("/tmp/tool")
		foreign.Host = hostB
		early, late := launch("/bin/true"), launch("/bin/true")
		early.Time, late.Time = time.Unix(60, 0), time.Now().Add(time.Hour)
		r.stream.publish(a.message(foreign, early, late))
		_, stop := r.start(&fault{})
		r.settle()
		stop()
		want := fleet.Intake{Epoch: "0161000000000000", Sequence: 1, Events: 3, Stored: 2, Dropped: map[fleet.Reason]uint64{fleet.WrongHost: 1}}
		if diff := cmp.Diff(want, r.disk.intake(hostA)); diff != "" {
			t.Errorf("intake (-want +got):\n%s", diff)
		}
		if len(r.disk.alerts) != 0 {
			t.Error("a forged event raised an alert")
		}
		for _, rows := range r.disk.blobs {
			for _, ev := range rows {
				if time.Since(ev.Time) > time.Hour || time.Until(ev.Time) > 0 {
					t.Errorf("event %d is stored at %v", ev.Serial, ev.Time)
				}
				if len(ev.Records) != 1 || ev.Records[0].Type != ClockRecord || ev.Records[0].Fields[0].Value == "" {
					t.Errorf("event %d does not tell its own time: %v", ev.Serial, ev.Records)
				}
			}
		}
	})
}

func TestGapsAndMalformedFramesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := newSender(t, hostA)
		r.stream.publish(a.message(launch("/bin/true")))
		a.message(launch("/bin/true"), launch("/bin/true")) // never comes
		broken := a.message(launch("/bin/true"), launch("/bin/true"), launch("/bin/true"))
		forge(broken.Frame)
		r.stream.publish(broken)
		noise := a.message(launch("/bin/true"))
		noise.Frame[20]++
		r.stream.publish(noise) // not even its header counts
		r.stream.publish(a.message(launch("/bin/true")))
		p, stop := r.start(&fault{})
		r.settle()
		stop()
		want := fleet.Intake{
			Epoch: "0161000000000000", Sequence: 5, Events: 8, Stored: 2,
			Dropped: map[fleet.Reason]uint64{fleet.MissingFrame: 3, fleet.MalformedFrame: 3},
		}
		if diff := cmp.Diff(want, r.disk.intake(hostA)); diff != "" {
			t.Errorf("intake (-want +got):\n%s", diff)
		}
		s := p.Stats()
		if diff := cmp.Diff(want.Dropped, s.Dropped); diff != "" || s.Refused != 1 || s.Events != 2 {
			t.Errorf("stats %+v\n%s", s, diff)
		}
	})
}

func TestANewEpochBeginsANewLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := newSender(t, hostA)
		r.stream.publish(a.message(launch("/bin/true"), launch("/bin/true")))
		again := newSender(t, hostA)
		again.epoch[7] = 9
		r.stream.publish(again.message(launch("/bin/true")))
		_, stop := r.start(&fault{})
		r.settle()
		stop()
		want := fleet.Intake{Epoch: "0161000000000009", Sequence: 1, Events: 1, Stored: 1, Earlier: 2}
		if diff := cmp.Diff(want, r.disk.intake(hostA)); diff != "" {
			t.Errorf("intake (-want +got):\n%s", diff)
		}
	})
}

func TestCorrelationsGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := newSender(t, hostA)
		r.stream.publish(a.message(failure("root"), failure("root")))
		_, stop := r.start(&fault{})
		r.settle()
		stop()
		r.stream.publish(a.message(failure("root"), failure("root")))
		_, stop = r.start(&fault{})
		r.settle()
		stop()
		if len(r.disk.alerts) != 1 {
			t.Errorf("four failures with a restart between them raised %d alerts", len(r.disk.alerts))
		}
	})
}

func TestRulesAreExchangedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := newSender(t, hostA)
		r.stream.publish(a.message(failure("root"), failure("root"), launch("/tmp/tool"), launch("/bin/false")))
		p, stop := r.start(&fault{})
		r.settle()
		p.SetRules(compile(t, testRules+`
---
title: Another tool ran
id: 3f1f0c1e-0000-4000-8000-000000000004
logsource: {product: linux, category: process_creation}
detection:
  tool: {Image|endswith: /false}
  condition: tool
`))
		synctest.Wait()
		r.stream.publish(a.message(failure("root"), failure("root"), launch("/tmp/tool"), launch("/bin/false")))
		r.settle()
		stop()
		got := make(map[string]uint32)
		for key, n := range r.disk.counts() {
			got[key[:len(key)-33]] += n
		}
		want := map[string]uint32{"A test tool ran": 2, "Many failed logons": 1, "Another tool ran": 2}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("alerts by title (-want +got):\n%s", diff)
		}
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(8)) {
			t.Errorf("stored events: %v", got)
		}
	})
}

func TestTheStreamIsPurgedButForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.adjust = func(c *Config) { c.CommitRows = 1000 }
		_, stop := r.start(&fault{})
		a := newSender(t, hostA)
		for range 60 {
			r.stream.publish(a.message(launch("/bin/true")))
			time.Sleep(30 * time.Second)
		}
		r.settle()
		stop()
		if n := r.stream.held(); n < 20 || n > 23 {
			t.Errorf("the stream holds %d frames, which came every half minute; want those of ten minutes", n)
		}
		r.adjust = func(c *Config) { c.WarmBytes = 1 }
		_, stop = r.start(&fault{})
		r.stream.publish(a.message(launch("/bin/true")))
		r.settle()
		stop()
		if n := r.stream.held(); n > 2 {
			t.Errorf("the stream holds %d frames, with hardly a byte allowed", n)
		}
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(61)) {
			t.Errorf("stored events: %v", got)
		}
	})
}

func TestAStreamThatFailsIsReadAgain(t *testing.T) {
	want, _ := untroubled(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stream.fails = 3
		r.fill()
		p, stop := r.start(&fault{})
		synctest.Wait()
		if s := p.Status(); s.State != Stalled {
			t.Errorf("status is %+v", s)
		}
		r.settle()
		stop()
		r.check(want)
	})
}

func TestAlertsAreSavedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var saved []string
		var told map[string]string
		r.adjust = func(c *Config) {
			c.CommitRows = 1000
			c.Covered = func(alerts []finding.Alert) map[string]string {
				covered := make(map[string]string)
				for _, a := range alerts {
					covered[a.ID] = "e1"
				}
				return covered
			}
			c.Saved = func(_ []finding.Alert, added []string, covered map[string]string) {
				saved, told = append(saved, added...), covered
			}
		}
		_, stop := r.start(&fault{})
		defer stop()
		r.stream.publish(newSender(t, hostA).message(launch("/tmp/tool")))
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if len(saved) != 1 || r.disk.at() != 0 {
			t.Fatalf("after 300 ms %d alerts are saved, position %d is committed", len(saved), r.disk.at())
		}
		if told[saved[0]] != "e1" || r.disk.covered[saved[0]] != "e1" {
			t.Errorf("told %v, stored %v", told, r.disk.covered)
		}
	})
}

func TestPanicsDoNotEndIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b := newSender(t, hostA), newSender(t, hostB)
		p, stop := r.start(&fault{})
		synctest.Wait()
		r.settle()
		p.memories[hostA] = &memory{used: time.Now()} // detection cannot use it; the pipeline is idle
		r.stream.publish(a.message(launch("/tmp/tool")))
		r.stream.publish(b.message(launch("/tmp/tool")))
		r.stream.publish(a.message(launch("/tmp/tool")))
		r.settle()
		stop()
		if p.Stats().Panics != 1 || len(r.disk.alerts) != 2 {
			t.Errorf("%d panics, %d alerts", p.Stats().Panics, len(r.disk.alerts))
		}
		if got := r.disk.events(hostA); !slices.Equal(got, upTo(2)) {
			t.Errorf("stored events: %v", got)
		}
	})
	broken := new(wire.Decoder)
	whole := newSender(t, hostA).message(launch("/bin/true")).Frame
	if h, _, err := decodeOne(&broken, whole); !errors.Is(err, wire.ErrMalformed) || h.Sequence != 1 {
		t.Errorf("a decoder that panics: %+v, %v", h, err)
	}
	if _, events, err := decodeOne(&broken, whole); err != nil || len(events) != 1 {
		t.Errorf("the decoder after it: %d events, %v", len(events), err)
	}
}

// forge makes a frame whose header is right and whose content is not.
func forge(frame []byte) {
	frame[wire.HeaderSize+6] ^= 0xff
	sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), frame[4:wire.HeaderSize-4])
	sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), frame[wire.HeaderSize:])
	binary.BigEndian.PutUint32(frame[wire.HeaderSize-4:], sum)
}
