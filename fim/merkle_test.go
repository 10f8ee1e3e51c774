package fim_test

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/fim"
)

// memory is a tree in memory, by path.
type memory map[string]fim.Entry

func (m memory) Entry(p string) (fim.Entry, error) {
	if e, ok := m[p]; ok {
		return e, nil
	}
	return fim.Entry{Path: p, State: fim.State{Stat: fim.Stat{Kind: fim.KindAbsent}}}, nil
}

func (m memory) Children(dir string, each func(fim.Entry) error) error {
	var names []string
	for p := range m {
		if p != dir && path.Dir(p) == dir {
			names = append(names, p)
		}
	}
	slices.Sort(names)
	for _, p := range names {
		if err := each(m[p]); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) add(p string, kind fim.Kind) {
	e := fim.Entry{Path: p, State: program()}
	e.Kind = kind
	if kind == fim.KindDirectory {
		e.Detail = fim.Detail{}
	}
	m[p] = e
}

func sample() memory {
	m := memory{}
	for _, d := range []string{"/r", "/r/a", "/r/a/b", "/r/empty"} {
		m.add(d, fim.KindDirectory)
	}
	for _, f := range []string{"/r/1", "/r/a/2", "/r/a/b/3", "/r/a/b/4", "/r/a.txt", "/r/new\nline"} {
		m.add(f, fim.KindFile)
	}
	return m
}

func rootOf(t *testing.T, m memory) fim.Digest {
	t.Helper()
	hash, n, err := fim.Root(m, "/r")
	if err != nil || n != len(m) {
		t.Fatalf("covers %d of %d entries, %v", n, len(m), err)
	}
	return hash
}

func TestRootSeesWhatCounts(t *testing.T) {
	want := rootOf(t, sample())
	if got := rootOf(t, sample()); got != want {
		t.Error("two computations differ")
	}
	for name, tt := range map[string]struct {
		change func(*fim.Entry)
		same   bool
	}{
		"inode and times": {func(e *fim.Entry) { e.Inode, e.Changed, e.Modified, e.Born, e.Device, e.Links = 9, 9, 9, 9, 9, 9 }, true},
		"mode":            {func(e *fim.Entry) { e.Mode = 0o4755 }, false},
		"owner":           {func(e *fim.Entry) { e.UID = 1 }, false},
		"content":         {func(e *fim.Entry) { e.Digest[31] = 1 }, false},
		"attribute":       {func(e *fim.Entry) { e.Xattrs = []fim.Xattr{xattr("security.capability", capability())} }, false},
		"path":            {func(e *fim.Entry) { e.Path = "/r/a/b/5" }, false},
	} {
		m := sample()
		e := m["/r/a/b/4"]
		tt.change(&e)
		delete(m, "/r/a/b/4")
		m[e.Path] = e
		if got := rootOf(t, m); (got == want) != tt.same {
			t.Errorf("%s: same root %v, want %v", name, got == want, tt.same)
		}
	}
}

func TestProofs(t *testing.T) {
	m := sample()
	root := rootOf(t, m)
	for p := range m {
		e, proof, err := fim.Prove(m, "/r", p)
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if err := proof.Verify(e, root); err != nil {
			t.Errorf("%q: %v", p, err)
		}
		e.Mode ^= 1
		if err := proof.Verify(e, root); !errors.Is(err, fim.ErrNotProved) {
			t.Errorf("%q with another mode: %v", p, err)
		}
	}
	for _, p := range []string{"/r/none", "/other", "/rr"} {
		if _, _, err := fim.Prove(m, "/r", p); err == nil {
			t.Errorf("%q is proved", p)
		}
	}
}

func TestProofsThatLie(t *testing.T) {
	m := sample()
	root := rootOf(t, m)
	e, proof, err := fim.Prove(m, "/r", "/r/a/b/3")
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]fim.Proof{
		"none":           {},
		"short":          {Steps: proof.Steps[:1]},
		"index":          {Steps: []fim.Step{{Index: -1}}},
		"index too high": {Steps: []fim.Step{{Index: 2}}},
		"children":       {Children: []fim.Digest{{}}, Steps: proof.Steps},
		"endless":        {Steps: make([]fim.Step, 1<<15)},
	} {
		if err := lie.Verify(e, root); !errors.Is(err, fim.ErrNotProved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRootPassesErrorsOn(t *testing.T) {
	if _, _, err := fim.Root(broken{sample()}, "/r"); err == nil || !strings.Contains(err.Error(), "disk") {
		t.Errorf("got %v", err)
	}
}

type broken struct{ memory }

func (b broken) Children(dir string, each func(fim.Entry) error) error {
	if dir == "/r/a/b" {
		return errors.New("disk is gone")
	}
	return b.memory.Children(dir, each)
}

func FuzzProof(f *testing.F) {
	f.Add("/r/a", 1, 2, []byte("x"))
	f.Fuzz(func(t *testing.T, p string, index, siblings int, seed []byte) {
		step := fim.Step{Index: index, Siblings: make([]fim.Digest, max(0, siblings%100))}
		copy(step.Own[:], seed)
		e := fim.Entry{Path: p, State: program()}
		if err := (fim.Proof{Steps: []fim.Step{step}}).Verify(e, fim.Digest{1}); err == nil {
			t.Error("anything is proved")
		}
	})
}

func BenchmarkRoot(b *testing.B) {
	m := flat{}
	for b.Loop() {
		if _, _, err := fim.Root(m, "/r"); err != nil {
			b.Fatal(err)
		}
	}
}

// flat is a directory of 10,000 equal files.
type flat struct{}

func (flat) Entry(p string) (fim.Entry, error) {
	return fim.Entry{Path: p, State: fim.State{Stat: fim.Stat{Kind: fim.KindDirectory}}}, nil
}

func (flat) Children(dir string, each func(fim.Entry) error) error {
	e := fim.Entry{State: program()}
	for i := range 10_000 {
		e.Path = fmt.Sprintf("%s/%05d", dir, i)
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}
