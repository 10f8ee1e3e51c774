//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/holdfast-security/holdfast/bench/usage"
)

// listener is something that records program starts.
type listener interface {
	name() string
	start(context.Context) error
	pid() int
	// missing returns how many of the run's starts it does not have.
	missing(ctx context.Context, run string, started int) (int, error)
	stop(context.Context) error
}

// remote is a listener that brings what it records to a server on the same
// machine, whose time is not the listener's.
type remote interface{ serverPID() int }

// stormResult is what bench/storm prints.
type stormResult struct {
	Started  int     `json:"started"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
	MedianUS float64 `json:"p50_us"`
}

// measurement sums the rounds of one listener at one rate.
type measurement struct {
	started    int // programs
	missing    int // starts that the listener did not record
	kernelLost int // records that the kernel could not deliver
	seconds    float64
	cpu        time.Duration // of the listener's processes
	kauditd    time.Duration // of the kernel's delivery thread
	server     time.Duration // of the server that a remote listener reports to
	exec       []float64     // microseconds per start, the median of each round
	peakMB     float64       // largest resident set
}

// percent returns a time as a share of one core during the storms.
func (m measurement) percent(d time.Duration) float64 { return 100 * d.Seconds() / m.seconds }

// execTime returns the microseconds of a typical start: the median over the
// rounds, so that one round which something else disturbed does not count.
func (m measurement) execTime() float64 { return quantile(m.exec, 0.5) }

// slowdown returns by how many percent a start takes longer than alone.
func (m measurement) slowdown(alone measurement) float64 {
	return 100 * (m.execTime()/alone.execTime() - 1)
}

func (m measurement) rate() float64 { return float64(m.started) / m.seconds }

// settle is how long a listener gets to work off what a storm left behind
// before its time is read, and to come to rest before a storm.
const settle = 3 * time.Second

// stormer runs storms of one length and rate.
type stormer struct {
	program string // of bench/storm
	rate    float64
	length  time.Duration
}

// round runs one storm while l listens, nil for nobody, and adds what it saw.
func (s stormer) round(ctx context.Context, l listener, m *measurement) (err error) {
	if l == nil {
		return s.storm(ctx, "none", m)
	}
	if err := setAudit(ctx, debianSettings); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop(context.WithoutCancel(ctx))) }()
	if err := l.start(ctx); err != nil {
		return fmt.Errorf("%s: %w", l.name(), err)
	}
	time.Sleep(settle)
	before, err := readCounters(ctx, l)
	if err != nil {
		return err
	}
	run := "run" + strconv.FormatInt(time.Now().UnixNano(), 36)
	started := m.started
	if err := s.storm(ctx, run, m); err != nil {
		return err
	}
	time.Sleep(settle)
	after, err := readCounters(ctx, l)
	if err != nil {
		return err
	}
	m.cpu += after.cpu - before.cpu
	m.kauditd += after.kauditd - before.kauditd
	m.server += after.server - before.server
	m.kernelLost += after.lost - before.lost
	m.peakMB = max(m.peakMB, after.peakMB)
	missing, err := l.missing(ctx, run, m.started-started)
	if err != nil {
		return fmt.Errorf("count what %s recorded: %w", l.name(), err)
	}
	m.missing += missing
	return nil
}

func (s stormer) storm(ctx context.Context, run string, m *measurement) error {
	out, err := exec.CommandContext(ctx, s.program, "-run", run,
		"-rate", strconv.FormatFloat(s.rate, 'f', -1, 64), "-for", s.length.String()).Output()
	if err != nil {
		return fmt.Errorf("storm: %w", err)
	}
	var res stormResult
	if err := json.Unmarshal(out, &res); err != nil {
		return fmt.Errorf("storm printed %q: %w", out, err)
	}
	m.started += res.Started
	m.seconds += res.Seconds
	m.exec = append(m.exec, res.MedianUS)
	return nil
}

// counters are read before and after a storm.
type counters struct {
	cpu, kauditd, server time.Duration
	lost                 int
	peakMB               float64
}

func readCounters(ctx context.Context, l listener) (counters, error) {
	var c counters
	var err error
	if c.cpu, err = usage.CPU(l.pid()); err != nil {
		return c, err
	}
	if r, ok := l.(remote); ok {
		if c.server, err = usage.CPU(r.serverPID()); err != nil {
			return c, err
		}
	}
	if c.kauditd, err = usage.Kauditd(); err != nil {
		return c, err
	}
	status, err := auditStatus(ctx)
	if err != nil {
		return c, err
	}
	c.lost = status["lost"]
	_, c.peakMB, err = usage.Memory(l.pid())
	return c, err
}
