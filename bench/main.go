//go:build linux

// Command bench measures Holdfast beside its peers and prints one table.
//
// These are measurements, not tests: they fail when something cannot be
// measured, never because a figure is bad. What can be compared is measured in
// the same run, in turns, on the same machine. It needs root, auditd (Debian's
// package, which test/prepare installs) and a machine that does little else;
// the load that was there is in the table's heading.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-security/holdfast/bench/machine"
	"github.com/holdfast-security/holdfast/bench/table"
)

// bench is one run and its settings.
type bench struct {
	agent   string // program, "" to measure the peers alone
	command string // the operator's command
	server  string // program, "" to leave out what needs a server
	web     string // folder of the console's source, for the browser driver
	crowd   int    // simulated agents
	burst   int    // of these, that connect at once
	stock   int    // alerts that lists are measured over
	rates   []float64
	length  time.Duration // of all rounds of a storm together, for each listener
	rounds  int
	idle    time.Duration
	repeats int // of every simulation scenario
	soak    time.Duration
	data    string // folder of recorded alerts and logs, which is no part of this repository
	out     string // folder
	dir     string // scratch
}

// part is a group of figures that can be measured alone.
type part struct {
	name    string
	audit   bool // uses the kernel's audit system, of which there is one
	measure func(*bench, context.Context) ([]row, error)
}

var parts = []part{
	{"code", false, (*bench).code},
	{"idle", true, (*bench).idleAgent},
	{"alerts", true, (*bench).alerts},
	{"storm", true, (*bench).storms},
	{"browser", true, (*bench).actToBrowser},
	{"paint", false, (*bench).paint},
	{"lists", false, (*bench).lists},
	{"fleet", false, (*bench).fleet},
	{"incidents", false, (*bench).incidents},
	{"replay", false, (*bench).replay},
	{"noise", false, (*bench).noise}, // the soak in it holds the audit lock itself
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var b bench
	var rates, only string
	flag.StringVar(&b.agent, "agent", "bin/holdfast-agent", "the agent; empty measures the peers alone")
	flag.StringVar(&b.command, "command", "bin/holdfast", "the operator's command")
	flag.StringVar(&b.server, "server", "bin/holdfast-server", "the server; empty leaves out what needs one")
	flag.StringVar(&b.web, "web", "web", "folder of the console's source with its node_modules")
	flag.IntVar(&b.crowd, "agents", 10_000, "simulated agents")
	flag.IntVar(&b.burst, "burst", 1000, "simulated agents that connect at once")
	flag.IntVar(&b.stock, "stock", 1_000_000, "alerts that lists are measured over")
	flag.StringVar(&rates, "rates", "1000,2000", "program starts per second, comma-separated")
	flag.DurationVar(&b.length, "for", time.Minute, "length of a storm, over all rounds")
	flag.IntVar(&b.rounds, "rounds", 3, "turns that a storm is cut into")
	flag.DurationVar(&b.idle, "idle", time.Minute, "how long the idle agent is watched")
	flag.IntVar(&b.repeats, "repeats", 5, "runs of every simulation scenario")
	flag.DurationVar(&b.soak, "soak", 5*time.Minute, "length of the honest work over which alerts are counted; 0 for none")
	flag.StringVar(&only, "only", "", "parts to measure, comma-separated: "+strings.Join(partNames(), ", ")+"; empty means all")
	flag.StringVar(&b.data, "data", "../shared/data", "folder of recorded data; what needs data that is not there is left out")
	flag.StringVar(&b.out, "out", "bench/out", "folder for the JSON rows")
	docs := flag.String("docs", "docs/benchmarks.md", "file that receives the table of a whole run; empty for none")
	flag.Parse()
	if err := b.complete(rates); err != nil {
		return err
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b.dir = scratch

	about := machine.Describe(ctx)
	rows, err := b.measure(ctx, chosen)
	if err != nil {
		err = errors.Join(err, table.Write(os.Stdout, rows))
		return err
	}
	if only != "" {
		*docs = ""
	}
	return b.publish(about, rows, *docs)
}

// complete turns the flags into settings and refuses what cannot be measured.
func (b *bench) complete(rates string) error {
	for _, text := range strings.Split(rates, ",") {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 {
			return fmt.Errorf("-rates: %q is no rate", text)
		}
		b.rates = append(b.rates, rate)
	}
	if b.rounds < 1 || b.repeats < 1 {
		return errors.New("-rounds and -repeats must be at least 1")
	}
	if b.burst < 1 || b.crowd < b.burst || b.stock < 1 {
		return errors.New("-burst must be at least 1 and at most -agents, and -stock at least 1")
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root: it loads audit rules and runs the agent")
	}
	return nil
}

// choose returns the parts that a comma-separated list names.
func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var chosen []part
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no part %q", name)
		}
		chosen = append(chosen, parts[i])
	}
	return chosen, nil
}

// measure runs the parts; those that use the audit system hold its lock and
// leave its settings as they were.
func (b *bench) measure(ctx context.Context, chosen []part) ([]row, error) {
	var rows []row
	for _, p := range chosen {
		b.progress("%s", p.name)
		measure := p.measure
		if p.audit {
			measure = withAudit(measure)
		}
		more, err := measure(b, ctx)
		rows = append(rows, more...)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return rows, nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// publish prints the table and writes it to the folder of results, and to the
// documents when docs names a file.
func (b *bench) publish(about machine.Machine, rows []row, docs string) error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	name := filepath.Join(b.out, about.Time.Format("20060102-150405")+".jsonl")
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(table.WriteJSON(file, rows), file.Close()); err != nil {
		return err
	}
	if docs != "" {
		if err := os.WriteFile(docs, table.Document(about.String(), rows), 0o644); err != nil {
			return err
		}
	}
	fmt.Println(about)
	if err := table.Write(os.Stdout, rows); err != nil {
		return err
	}
	fmt.Println("rows:", name)
	return nil
}
