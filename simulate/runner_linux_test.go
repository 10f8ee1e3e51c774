package simulate

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// played returns a scenario that tells its stage, then does run.
func played(stages chan<- *Stage, run func(context.Context, *Stage) error) Scenario {
	return Scenario{Name: "test", AlertType: "T", Run: func(ctx context.Context, s *Stage) error {
		stages <- s
		return run(ctx, s)
	}}
}

func nothing(context.Context, *Stage) error { return nil }

func TestRunnerOutcomes(t *testing.T) {
	ownToken := func(s *Stage) finding.Alert {
		return finding.Alert{Type: "T", Story: "see " + s.Token, Time: time.Now()}
	}
	tests := []struct {
		name   string
		run    func(context.Context, *Stage) error
		alert  func(*Stage) finding.Alert // nil: none
		want   Outcome
		reason string // part of it
	}{
		{name: "alert with the token", run: nothing, alert: ownToken, want: Pass},
		{
			name: "alert of a descendant", run: nothing, want: Pass,
			alert: func(*Stage) finding.Alert {
				self := &event.Process{PID: uint32(os.Getpid())}
				return finding.Alert{Type: "T", Time: time.Now(), Process: &event.Process{PID: 1 << 30, Parent: self}}
			},
		},
		{
			name: "alert of this process from before", run: nothing, want: Fail, reason: "no alert within",
			alert: func(*Stage) finding.Alert {
				return finding.Alert{Type: "T", Time: time.Now().Add(-time.Minute), Process: &event.Process{PID: uint32(os.Getpid())}}
			},
		},
		{
			name: "alert of another type", run: nothing, want: Fail, reason: "no alert within",
			alert: func(s *Stage) finding.Alert { return finding.Alert{Type: "U", Story: s.Token} },
		},
		{
			name: "alert of somebody else", run: nothing, want: Fail, reason: "no alert within",
			alert: func(*Stage) finding.Alert {
				return finding.Alert{Type: "T", Story: "hfsim0123456789ab", Time: time.Now(), Process: &event.Process{PID: 1 << 30}}
			},
		},
		{name: "no alert", run: nothing, want: Fail, reason: "no alert within"},
		{
			name: "error", want: Fail, reason: "broken", alert: ownToken,
			run: func(context.Context, *Stage) error { return errors.New("broken") },
		},
		{
			name: "skip", want: Skip, reason: "no tape drive",
			run: func(context.Context, *Stage) error { return skip("no tape drive") },
		},
		{
			name: "panic", want: Fail, reason: "panic: oh",
			run: func(context.Context, *Stage) error { panic("oh") },
		},
		{
			name: "time limit", want: Fail, reason: "deadline exceeded",
			run: func(ctx context.Context, _ *Stage) error { <-ctx.Done(); return ctx.Err() },
		},
		{
			name: "clean-up fails", want: Fail, reason: "clean up (the impossible): no", alert: ownToken,
			run: func(_ context.Context, s *Stage) error {
				s.Cleanup("the impossible", func() error { return errors.New("no") })
				return nil
			},
		},
		{
			name: "skip with a clean-up that panics", want: Fail, reason: "clean up (the bomb): panic: boom",
			run: func(_ context.Context, s *Stage) error {
				s.Cleanup("the bomb", func() error { panic("boom") })
				return skip("tired")
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stages, alerts := make(chan *Stage, 1), make(chan finding.Alert, 1)
			var dir string
			scenario := played(stages, func(ctx context.Context, s *Stage) error {
				dir = s.Dir
				if tt.alert != nil {
					alerts <- tt.alert(s)
				}
				return tt.run(ctx, s)
			})
			r := Runner{Alerts: alerts, Wait: 50 * time.Millisecond, Limit: 200 * time.Millisecond}
			got := r.Run(t.Context(), []Scenario{scenario})[0]
			if got.Outcome != tt.want || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %q (%s), want %q (%s)", got.Outcome, got.Reason, tt.want, tt.reason)
			}
			if got.Outcome == Pass && got.Reason != "" {
				t.Errorf("a pass with the reason %q", got.Reason)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the stage %s is still there", dir)
			}
		})
	}
}

func TestRunnerSkipsWhatNeedsMore(t *testing.T) {
	scenario := Scenario{
		Name: "test", AlertType: "T", Needs: []Need{NeedProgram("holdfast-no-such-program")},
		Run: func(context.Context, *Stage) error { t.Error("played"); return nil },
	}
	got := (&Runner{}).Run(t.Context(), []Scenario{scenario})
	want := []Result{{
		Scenario: "test", AlertType: "T", Outcome: Skip,
		Reason: "needs the program holdfast-no-such-program",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunnerInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stages := make(chan *Stage, 2)
	scenario := played(stages, func(ctx context.Context, s *Stage) error {
		cancel()
		return s.Exec(ctx, "sleep", "60")
	})
	started := time.Now()
	got := (&Runner{}).Run(ctx, []Scenario{scenario, scenario})
	if got[0].Outcome != Fail || got[1].Outcome != Skip || got[1].Reason != "interrupted" {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(started); took > 50*time.Second {
		t.Errorf("took %v to give up", took)
	}
	if _, err := os.Lstat((<-stages).Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the stage is still there")
	}
}

func newTestStage(t *testing.T) *Stage {
	t.Helper()
	s, err := newStage()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.clean(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestWillAppendRestores(t *testing.T) {
	const before = "ssh-ed25519 AAAA anna\n"
	tests := []struct {
		name      string
		write     func(s *Stage, path string) error
		want      string
		sameTimes bool
	}{
		{"nothing written", func(*Stage, string) error { return nil }, before, true},
		{"own line", func(s *Stage, path string) error {
			return s.Shell(context.Background(), "echo '# "+s.Token+"' >> "+path)
		}, before, true},
		{
			"own line and another's",
			func(s *Stage, path string) error {
				return s.Shell(context.Background(), "echo '# "+s.Token+"' >> "+path+"; echo other >> "+path)
			},
			before + "other\n", false,
		},
		{
			"replaced by another",
			func(_ *Stage, path string) error { return os.WriteFile(path, []byte("new\n"), 0o640) },
			"new\n", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestStage(t)
			path := filepath.Join(t.TempDir(), "authorized_keys")
			old := time.Date(2020, 2, 3, 4, 5, 6, 789, time.UTC)
			if err := os.WriteFile(path, []byte(before), 0o640); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.WillAppend(path), tt.write(s, path), s.clean()); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != tt.want {
				t.Errorf("content %q, %v, want %q", got, err, tt.want)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.ModTime().Equal(old) != tt.sameTimes {
				t.Errorf("modified at %v, restored times: want %v", info.ModTime(), tt.sameTimes)
			}
			if info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
		})
	}
}

func TestStageRefusesWhatIsNotOurs(t *testing.T) {
	s := newTestStage(t)
	path := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.WillCreate(path); !errors.Is(err, ErrSkip) {
		t.Errorf("WillCreate of an existing file: %v", err)
	}
	if err := s.MakeDir(filepath.Join(t.TempDir(), "plain")); err == nil {
		t.Error("MakeDir took a directory without the token")
	}
	if err := s.WillAppend(t.TempDir()); !errors.Is(err, ErrSkip) {
		t.Errorf("WillAppend of a directory: %v", err)
	}
	if err := s.clean(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("somebody else's file was removed")
	}
}

func TestExecEndsWhatItStarted(t *testing.T) {
	s := newTestStage(t)
	if err := s.Shell(t.Context(), "sleep 61.25 & echo $! > pid"); err != nil {
		t.Fatal(err)
	}
	waitRunning(t, "61.25", false) // though in the background
	if err := s.Start(t.Context(), "sleep", "61.5"); err != nil {
		t.Fatal(err)
	}
	waitRunning(t, "61.5", true)
	if err := s.clean(); err != nil {
		t.Error(err)
	}
	waitRunning(t, "61.5", false)
}

// waitRunning waits until a process has word among its arguments, or none has.
func waitRunning(t *testing.T, word string, want bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); running(t, word) != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a process with %s among its arguments: got %v, want %v", word, !want, want)
		}
	}
}

// running reports whether a process has word among its arguments.
func running(t *testing.T, word string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), word) {
			return true
		}
	}
	return false
}

func TestCopyWithoutProgram(t *testing.T) {
	s := newTestStage(t)
	if _, err := s.Copy("holdfast-no-such-program", s.Path("x")); !errors.Is(err, ErrSkip) {
		t.Errorf("got %v, want a skip", err)
	}
	if err := s.Exec(t.Context(), "holdfast-no-such-program"); !errors.Is(err, ErrSkip) && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want a skip", err)
	}
}

// TestActsArePlayedInASessionOfTheirOwn holds what rules may look at: the
// parent is the stage's, the words arrive as they are.
func TestActsArePlayedInASessionOfTheirOwn(t *testing.T) {
	s := newTestStage(t)
	words := []string{"", "it's", `a "b" $HOME \ *`, "two\nlines"}
	const text = `cat /proc/$PPID/comm > parent; printf '%s\0' "$@" > words`
	if err := s.ExecDetached(t.Context(), "sh", append([]string{"-c", text, s.Token}, words...)...); err != nil {
		t.Fatal(err)
	}
	if parent, err := os.ReadFile(s.Path("parent")); err != nil || string(parent) != "login\n" {
		t.Errorf("the parent is %q, %v", parent, err)
	}
	if got, err := os.ReadFile(s.Path("words")); err != nil || string(got) != strings.Join(words, "\x00")+"\x00" {
		t.Errorf("the words are %q, %v", got, err)
	}
}
