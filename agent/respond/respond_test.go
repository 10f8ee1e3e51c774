//go:build unix

package respond

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// script stands for holdfast: it answers by the name of the scenario, and
// writes down how it was called.
const script = `#!/bin/sh
echo "$@" >> DIR/calls
env | sort > DIR/environment
case "$4" in
passes) echo '[{"scenario":"passes","alertType":"VM_Test","result":"pass","reason":"","secondsToAlert":0.061}]';;
fails) echo '[{"scenario":"fails","result":"fail","reason":"no alert came"}]'; exit 3;;
skips) echo '[{"scenario":"skips","result":"skip","reason":"needs root"}]'; exit 3;;
unknown) echo 'holdfast: there is no scenario' >&2; exit 2;;
lies) echo '[{"scenario":"passes","result":"pass"}]';;
floods) head -c 3000000 /dev/zero; exit 0;;
hangs) exec sleep 600;;
esac
`

type stage struct {
	*Responder
	dir     string
	answers chan wire.Result
}

func newStage(t *testing.T, change func(*Options)) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir(), answers: make(chan wire.Result, 1000)}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(s.dir, "holdfast")
	if err := os.WriteFile(program, []byte(strings.ReplaceAll(script, "DIR", s.dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	s.open(t, func(o *Options) {
		o.Program = program
		if change != nil {
			change(o)
		}
	})
	return s
}

func (s *stage) open(t *testing.T, change func(*Options)) {
	t.Helper()
	opts := Options{StateDir: s.dir, Answer: func(r wire.Result) { s.answers <- r }, Program: filepath.Join(s.dir, "holdfast")}
	if change != nil {
		change(&opts)
	}
	r, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Responder = r
	t.Cleanup(r.Close)
}

// until returns the answers up to the one that ends the order.
func (s *stage) until(t *testing.T, order string) []wire.Result {
	t.Helper()
	var got []wire.Result
	for {
		select {
		case r := <-s.answers:
			if r.Order != order {
				t.Fatalf("an answer to %q: %+v", r.Order, r)
			}
			got = append(got, r)
			if r.Subject == "" && r.State != stateAccepted && r.State != stateRunning {
				return got
			}
		case <-time.After(patience):
			t.Fatalf("no end after %+v", got)
		}
	}
}

func words(results []wire.Result) []string {
	var lines []string
	for _, r := range results {
		lines = append(lines, strings.TrimSpace(r.State+" "+r.Subject)+": "+r.Detail)
	}
	return lines
}

func (s *stage) calls(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(data), "simulate -o json ", ""))
}

func TestSimulate(t *testing.T) {
	t.Setenv("HOLDFAST_SECRET", "not for children")
	s := newStage(t, nil)
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"passes", "fails", "skips", "unknown", "lies", "floods"}})
	got := slices.DeleteFunc(words(s.until(t, "1")), func(line string) bool { return strings.HasPrefix(line, "running") })
	want := []string{
		"accepted: the agent has the order",
		"done passes: alert VM_Test after 0.06 s",
		"failed fails: no alert came",
		"unsupported skips: needs root",
		"failed unknown: the scenario was not played: holdfast: there is no scenario",
		"failed lies: the scenario was not played: ",
		"failed floods: the scenario was not played: ",
		"failed: 1 passed, 4 failed, 1 could not be played",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	environment, err := os.ReadFile(filepath.Join(s.dir, "environment"))
	if err != nil || strings.Contains(string(environment), "SECRET") || !strings.Contains(string(environment), "PATH=/usr/local/sbin") {
		t.Errorf("environment: %s, %v", environment, err)
	}
}

func TestOrdersAreCarriedOutOnce(t *testing.T) {
	s := newStage(t, nil)
	order := wire.Order{ID: "1", Action: "simulate", Argument: []string{"passes"}}
	if s.Knows("1") {
		t.Error("an order is known before it was given")
	}
	s.Give(order)
	first := s.until(t, "1")
	for range 2 { // again, and after a restart
		s.Give(order)
		again := s.until(t, "1")
		if diff := cmp.Diff(words(first[len(first)-1:]), words(again)); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		s.Close()
		s.open(t, nil)
	}
	if !s.Knows("1") || len(s.calls(t)) != 1 {
		t.Errorf("known: %v, calls: %v", s.Knows("1"), s.calls(t))
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	many := slices.Repeat([]string{"passes"}, 65)
	for name, c := range map[string]struct {
		order wire.Order
		want  string
	}{
		"unknown action":   {wire.Order{Action: "reboot"}, stateUnsupported},
		"no scenario":      {wire.Order{Action: "simulate"}, stateRefused},
		"too many":         {wire.Order{Action: "simulate", Argument: many}, stateRefused},
		"an option":        {wire.Order{Action: "simulate", Argument: []string{"--all"}}, stateRefused},
		"a path":           {wire.Order{Action: "simulate", Argument: []string{"../x"}}, stateRefused},
		"a command":        {wire.Order{Action: "simulate", Argument: []string{"a;reboot"}}, stateRefused},
		"upper case":       {wire.Order{Action: "simulate", Argument: []string{"Passes"}}, stateRefused},
		"an empty name":    {wire.Order{Action: "simulate", Argument: []string{""}}, stateRefused},
		"a long name":      {wire.Order{Action: "simulate", Argument: []string{strings.Repeat("x", 65)}}, stateRefused},
		"one good one bad": {wire.Order{Action: "simulate", Argument: []string{"passes", "x y"}}, stateRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nil)
			c.order.ID = "1"
			s.Give(c.order)
			got := s.until(t, "1")
			if last := got[len(got)-1]; last.State != c.want || last.Detail == "" {
				t.Errorf("got %v", words(got))
			}
			if calls := s.calls(t); len(calls) > 0 {
				t.Errorf("started: %v", calls)
			}
		})
	}
}

func TestProgramMustBeGuarded(t *testing.T) {
	for name, spoil := range map[string]func(program string) error{
		"missing":             os.Remove,
		"changed by others":   func(p string) error { return os.Chmod(p, 0o722) },
		"directory of others": func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) },
		"not a program":       func(p string) error { return os.Chmod(p, 0o600) },
		"a link to a file in an open directory": func(p string) error {
			open := filepath.Join(filepath.Dir(p), "open")
			target := filepath.Join(open, "holdfast")
			for _, err := range []error{os.Mkdir(open, 0o700), os.Rename(p, target), os.Chmod(open, 0o777), os.Symlink(target, p)} {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nil)
			if err := spoil(filepath.Join(s.dir, "holdfast")); err != nil {
				t.Fatal(err)
			}
			s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"passes"}})
			got := s.until(t, "1")
			if last := got[len(got)-1]; last.State != stateFailed || !strings.Contains(last.Detail, "beside the agent") {
				t.Errorf("got %v", words(got))
			}
			if calls := s.calls(t); len(calls) > 0 {
				t.Errorf("started: %v", calls)
			}
		})
	}
}

func TestScenarioThatHangsIsEnded(t *testing.T) {
	s := newStage(t, func(o *Options) { o.Limit = 200 * time.Millisecond })
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"hangs", "passes"}})
	got := words(s.until(t, "1"))
	if !slices.Contains(got, "failed hangs: the scenario was not played: it took longer than 200ms") || !slices.Contains(got, "done passes: alert VM_Test after 0.06 s") {
		t.Errorf("got %v", got)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	s := newStage(t, nil)
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"hangs"}})
	for deadline := time.Now().Add(patience); len(s.calls(t)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not start")
		}
	}
	s.Close()
	s.open(t, nil)
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"hangs"}})
	got := s.until(t, "1")
	if last := got[len(got)-1]; last.State != stateFailed || !strings.Contains(last.Detail, "stopped") {
		t.Errorf("got %v", words(got))
	}
}

func TestOrdersThatWaitAreBounded(t *testing.T) {
	s := newStage(t, nil)
	for n := range waiting + 3 {
		s.Give(wire.Order{ID: fmt.Sprint(n), Action: "simulate", Argument: []string{"hangs"}})
	}
	refused := 0
	for len(s.answers) > 0 {
		if r := <-s.answers; r.State == stateRefused {
			refused++
		}
	}
	if refused < 2 { // one may be under way
		t.Errorf("%d orders were refused", refused)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for n := range remembered + 10 {
		if err := m.remember(result(fmt.Sprint(n), stateDone, "", strings.Repeat("x", 10*maxKept))); err != nil {
			t.Fatal(err)
		}
	}
	if m, err = openMemory(dir); err != nil || len(m.answers) != remembered {
		t.Fatalf("%v: %d orders remembered", err, len(m.answers))
	}
	_, oldest := m.answer("0")
	_, newest := m.answer(fmt.Sprint(remembered + 9))
	if oldest || !newest {
		t.Error("the wrong ones were forgotten")
	}
}

func TestDamagedMemoryIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, memoryFile), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{StateDir: dir}); err == nil || !strings.Contains(err.Error(), memoryFile) {
		t.Errorf("got %v", err)
	}
}

func TestServiceRunsScenariosInAnother(t *testing.T) {
	if trusted(systemdRun) != nil {
		t.Skip("there is no systemd here")
	}
	r := Responder{opts: Options{Service: true, Limit: time.Minute}}
	got := strings.Join(r.command("/usr/bin/holdfast", "test-alert"), " ")
	if !strings.HasPrefix(got, systemdRun+" ") || !strings.HasSuffix(got, " -- /usr/bin/holdfast simulate -o json test-alert") || !strings.Contains(got, "RuntimeMaxSec=80") {
		t.Errorf("got %s", got)
	}
}
