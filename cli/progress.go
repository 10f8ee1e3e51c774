package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/holdfast-security/holdfast/cli/render"
)

// Times of the progress line.
const (
	progressAfter = 2 * time.Second        // silence before
	progressEvery = 500 * time.Millisecond // on a terminal
	progressLines = 10 * time.Second       // in a file, where lines cannot be redrawn
)

// progress shows how far a long read has come. It is for one goroutine.
type progress struct {
	out      io.Writer
	style    render.Style
	terminal bool
	now      func() time.Time
	began    time.Time
	next     time.Time
	total    int64 // bytes of all inputs on disk; zero when one has no size
	before   int64 // bytes of the inputs that are done
	drawn    bool
}

func newProgress(out io.Writer, style render.Style, names []string) *progress {
	_, terminal := terminalWidth(out)
	p := &progress{out: out, style: style, terminal: terminal, now: time.Now, total: totalSize(names)}
	p.began = p.now()
	p.next = p.began.Add(progressAfter)
	return p
}

// totalSize returns the bytes of all files, or zero when that is unknown.
// Files that cannot be read count nothing.
func totalSize(names []string) int64 {
	var total int64
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case err == nil && !info.Mode().IsRegular(), name == "-":
			return 0
		case err == nil:
			total += info.Size()
		}
	}
	return total
}

// show draws the progress if it is time to: read bytes of the present input,
// lines of all.
func (p *progress) show(read int64, lines int) {
	now := p.now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	text := progressText(p.before+read, p.total, lines, now.Sub(p.began))
	if !p.terminal {
		p.next = now.Add(progressLines)
		fmt.Fprintln(p.out, text)
		return
	}
	p.drawn = true
	fmt.Fprint(p.out, "\r\x1b[K"+render.Status(text, p.style))
}

// done says that an input of the given size has ended.
func (p *progress) done(read int64) { p.before += read }

// erase makes room for other output.
func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// progressText is pure.
func progressText(read, total int64, lines int, elapsed time.Duration) string {
	seconds := max(elapsed.Seconds(), 0.001)
	text := fmt.Sprintf("%s lines, %s lines/s, %.1f MB/s", render.Number(uint64(lines)),
		render.Number(uint64(float64(lines)/seconds)), float64(read)/1e6/seconds)
	if total <= 0 || read <= 0 {
		return text
	}
	share := min(float64(read)/float64(total), 1)
	left := time.Duration(float64(elapsed) * (1 - share) / share)
	return fmt.Sprintf("%.0f %%, %s, %s left", 100*share, text, render.Duration(left))
}
