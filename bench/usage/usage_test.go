//go:build linux

package usage

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("42 (a) R 1 (x) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := procStat{parent: 7, name: "a) R 1 (x", cpu: 127 * clockTick, kernel: 20 * clockTick}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S", "1 (x) S 1 1 1 0 -1 4194560 1 2 3 4 a b c d"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestCPU(t *testing.T) {
	if _, err := CPU(os.Getpid()); err != nil {
		t.Errorf("this process: %v", err)
	}
	if _, err := CPU(1 << 30); err == nil { // above the largest pid_max
		t.Error("a process that cannot exist has used time")
	}
}
