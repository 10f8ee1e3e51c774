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

const patience = time.Minute

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
	dir string
}

func newStage(t *testing.T, change func(*Options)) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir()}
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
	opts := Options{StateDir: s.dir, Program: filepath.Join(s.dir, "holdfast")}
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

// next acknowledges the first part of an answer and returns it.
func (s *stage) next(t *testing.T) wire.Result {
	t.Helper()
	deadline := time.After(patience)
	for {
		if number, r, ok := s.Answer(); ok {
			s.Acknowledged(number)
			return r
		}
		select {
		case <-s.Wake():
		case <-deadline:
			t.Fatal("no answer comes")
		}
	}
}

// until returns the answers up to the one that ends the order, save for those
// that say how far it is: they may be overtaken.
func (s *stage) until(t *testing.T, order string) []wire.Result {
	t.Helper()
	var got []wire.Result
	for {
		r := s.next(t)
		if r.Order != order {
			t.Fatalf("an answer to %q: %+v", r.Order, r)
		}
		if final(r.State) {
			got = append(got, r)
		}
		if final(r.State) && r.Subject == "" {
			return got
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
	got := words(s.until(t, "1"))
	want := []string{
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
	for number, r, ok := s.Answer(); ok; number, r, ok = s.Answer() {
		s.Acknowledged(number)
		if r.State == stateRefused {
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
	err = m.force(func(k *kept) {
		for n := range remembered + 10 {
			k.end(clipped(result(fmt.Sprint(n), stateDone, "", strings.Repeat("\x00", 10*maxKept))))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = openMemory(dir); err != nil || len(m.kept.Answers) != remembered {
		t.Fatalf("%v: %d orders remembered", err, len(m.kept.Answers))
	}
	_, oldest := m.answer("0")
	_, newest := m.answer(fmt.Sprint(remembered + 9))
	if oldest || !newest {
		t.Error("the wrong ones were forgotten")
	}
}

func TestAnswersAreKeptUntilAcknowledged(t *testing.T) {
	s := newStage(t, nil)
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"passes", "fails"}})
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if r, _ := s.memory.answer("1"); r.State == stateFailed && strings.Contains(r.Detail, "1 passed") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the order does not end")
		}
	}
	s.Close()
	s.open(t, nil)
	first, r, ok := s.Answer()
	if again, _, _ := s.Answer(); !ok || again != first || r.Subject != "passes" {
		t.Errorf("got part %d and then %d: %+v", first, again, r)
	}
	got := words(s.until(t, "1"))
	want := []string{"done passes: alert VM_Test after 0.06 s", "failed fails: no alert came", "failed: 1 passed, 1 failed, 0 could not be played"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Acknowledged(first) // long gone
	s.Close()
	s.open(t, nil)
	if _, r, ok := s.Answer(); ok {
		t.Errorf("what was acknowledged is back: %+v", r)
	}
	s.Give(wire.Order{ID: "2", Action: "reboot"})
	if number, _, ok := s.Answer(); !ok || number <= first {
		t.Errorf("a part has number %d after %d", number, first)
	}
}

// TestKilledAgentAnswers leaves a memory as an agent does that is killed while
// an order is carried out.
func TestKilledAgentAnswers(t *testing.T) {
	dir := t.TempDir()
	m, err := openMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range []string{"1", "2"} {
		if err := m.begin(order); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.end(result("1", stateDone, "", "")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start has nothing to add
		if m, err = openMemory(dir); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for number, r, ok := m.first(); ok; number, r, ok = m.first() {
		got = append(got, r.Order+" "+r.State)
		if err := m.acknowledged(number); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"1 done", "2 failed"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	m, err := openMemory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = m.force(func(k *kept) {
		k.end(result("ended", stateDone, "", ""))
		for n := range unanswered + 9 {
			k.tell(result(fmt.Sprint(n), stateRunning, "", ""))
			k.tell(result(fmt.Sprint(n), stateRunning, "", "")) // takes the place of the first
		}
	})
	if err != nil || len(m.kept.Parts) != unanswered || m.losses() != 10 {
		t.Errorf("%d parts are kept, %d are lost, %v", len(m.kept.Parts), m.losses(), err)
	}
	if _, r, _ := m.first(); r.Order != "ended" {
		t.Errorf("an end was lost for the sake of %q", r.Order)
	}
}

func TestAFullDiskRefusesOrders(t *testing.T) {
	s := newStage(t, nil)
	s.memory.path = filepath.Join(s.dir, "none", memoryFile)
	s.Give(wire.Order{ID: "1", Action: "simulate", Argument: []string{"passes"}})
	if r := s.next(t); r.State != stateRefused || !strings.Contains(r.Detail, "cannot remember") {
		t.Errorf("got %+v", r)
	}
	if s.Knows("1") || len(s.calls(t)) > 0 {
		t.Error("the order was carried out or remembered")
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
