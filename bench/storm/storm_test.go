//go:build linux

package main

import (
	"bytes"
	"debug/elf"
	"testing"
	"time"
)

func TestStormKeepsItsRate(t *testing.T) {
	const rate, length = 50, 400 * time.Millisecond
	res, err := storm(rate, length, 2, "test")
	if err != nil {
		t.Fatal(err)
	}
	if want := 20; res.Started != want {
		t.Errorf("started %d programs, want %d", res.Started, want)
	}
	// The last start is due one step before the end; a busy machine may be late.
	if least := (length - time.Second/rate).Seconds(); res.Seconds < least {
		t.Errorf("took %.3f s, which is faster than the schedule's %.3f s", res.Seconds, least)
	}
	if res.MeanUS <= 0 || res.P99US < res.MedianUS {
		t.Errorf("latencies make no sense: %+v", res)
	}
}

func TestStormRefusesNonsense(t *testing.T) {
	for _, rate := range []float64{0, -1} {
		if _, err := storm(rate, time.Second, 1, "test"); err == nil {
			t.Errorf("rate %v was accepted", rate)
		}
	}
}

func TestTargetIsAnELFFile(t *testing.T) {
	for goarch, exit := range exits {
		t.Run(goarch, func(t *testing.T) {
			data, err := target(goarch)
			if err != nil {
				t.Fatal(err)
			}
			f, err := elf.NewFile(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != exit.machine || len(f.Progs) != 1 || f.Entry != loadAddress+uint64(len(data)-len(exit.code)) {
				t.Errorf("machine %v, %d segments, entry %#x", f.Machine, len(f.Progs), f.Entry)
			}
		})
	}
	if _, err := target("mips"); err == nil {
		t.Error("a program for mips was made up")
	}
}
