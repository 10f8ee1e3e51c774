package agent

import (
	"runtime"
	"testing"
)

func TestFrugal(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)

	t.Setenv("GOMAXPROCS", "7")
	Frugal()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("the environment asks for its own number, and %d became %d", before, got)
	}
	t.Setenv("GOMAXPROCS", "")
	Frugal()
	if got, most := runtime.GOMAXPROCS(0), max(runtime.NumCPU()/4, 1); got < 1 || got > most || got > mostThreads {
		t.Errorf("%d threads on %d cores", got, runtime.NumCPU())
	}
}
