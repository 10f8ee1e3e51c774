//go:build linux

// Command storm starts a tiny program at an exact rate and says how long each
// start took.
//
// The program is a static ELF file of a few instructions that exits at once,
// so that almost all of what is measured is the kernel's exec path and
// whoever listens to it. Every start carries the run's name and a sequence
// number as arguments: a listener's record can be checked for holes. Starts
// follow a fixed schedule; one that is late does not move those after it, so
// the rate holds as long as the machine can carry it. The result is one JSON
// object on standard output.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// result is what one storm reports. Times are microseconds from before the
// fork until the child was reaped.
type result struct {
	Run      string  `json:"run"`
	Program  string  `json:"program"`
	Started  int     `json:"started"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"` // achieved, starts per second
	MeanUS   float64 `json:"mean_us"`
	MedianUS float64 `json:"p50_us"`
	P99US    float64 `json:"p99_us"`
	LateUS   float64 `json:"late_us"` // mean delay against the schedule
}

// plan is what the workers share: start number i is due at begin + i*interval.
type plan struct {
	program  string
	run      string
	begin    time.Time
	interval time.Duration
	total    int
	workers  int
}

// sample is one start: how long it took and how late it began.
type sample struct{ took, late time.Duration }

func main() {
	rate := flag.Float64("rate", 1000, "starts per second")
	length := flag.Duration("for", 10*time.Second, "how long")
	workers := flag.Int("workers", runtime.NumCPU(), "threads that start programs")
	run := flag.String("run", strconv.Itoa(os.Getpid()), "name of the run, first argument of every start")
	flag.Parse()

	res, err := storm(*rate, *length, *workers, *run)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(res)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func storm(rate float64, length time.Duration, workers int, run string) (result, error) {
	if rate <= 0 || workers < 1 {
		return result{}, fmt.Errorf("rate %v and workers %d must be positive", rate, workers)
	}
	dir, err := os.MkdirTemp("", "storm")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "storm-target")
	if err := writeTarget(program); err != nil {
		return result{}, err
	}
	p := plan{
		program: program, run: run, begin: time.Now().Add(50 * time.Millisecond),
		interval: time.Duration(float64(time.Second) / rate),
		total:    int(rate * length.Seconds()), workers: workers,
	}
	samples, err := p.execute()
	return summarise(p, samples, time.Since(p.begin)), err
}

// execute runs the workers and gathers their samples; the first error ends
// the worker that met it.
func (p plan) execute() ([]sample, error) {
	perWorker := make([][]sample, p.workers)
	errs := make([]error, p.workers)
	var wg sync.WaitGroup
	for w := range p.workers {
		wg.Go(func() {
			runtime.LockOSThread()
			perWorker[w], errs[w] = p.work(w)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(perWorker...), nil
}

// work makes every workers-th start, beginning with the first-th.
func (p plan) work(first int) ([]sample, error) {
	samples := make([]sample, 0, p.total/p.workers+1)
	for i := first; i < p.total; i += p.workers {
		due := p.begin.Add(time.Duration(i) * p.interval)
		sleepUntil(due)
		started := time.Now()
		if err := start(p.program, p.run, strconv.Itoa(i)); err != nil {
			return samples, err
		}
		samples = append(samples, sample{took: time.Since(started), late: started.Sub(due)})
	}
	return samples, nil
}

// sleepUntil sleeps in the kernel rather than in the Go scheduler, whose
// timers are coarser than the storm's step.
func sleepUntil(due time.Time) {
	for wait := time.Until(due); wait > 0; wait = time.Until(due) {
		ts := unix.NsecToTimespec(wait.Nanoseconds())
		if err := unix.Nanosleep(&ts, nil); err != nil && err != unix.EINTR {
			return
		}
	}
}

// start runs the program to its end. syscall.ForkExec shares memory with the
// child until it executes (CLONE_VFORK), as shells and servers do today.
func start(program, run, number string) error {
	pid, err := syscall.ForkExec(program, []string{program, run, number}, &syscall.ProcAttr{})
	if err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	for {
		var status syscall.WaitStatus
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return err
		}
	}
}

func summarise(p plan, samples []sample, length time.Duration) result {
	res := result{Run: p.run, Program: p.program, Started: len(samples), Seconds: length.Seconds()}
	if len(samples) == 0 {
		return res
	}
	res.Rate = float64(len(samples)) / length.Seconds()
	slices.SortFunc(samples, func(a, b sample) int { return int(a.took - b.took) })
	var took, late time.Duration
	for _, s := range samples {
		took += s.took
		late += s.late
	}
	n := time.Duration(len(samples))
	res.MeanUS, res.LateUS = micros(took/n), micros(late/n)
	res.MedianUS = micros(samples[len(samples)/2].took)
	res.P99US = micros(samples[len(samples)*99/100].took)
	return res
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
