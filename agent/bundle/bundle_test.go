package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/holdfast-security/holdfast/agent/bundle"
	"github.com/holdfast-security/holdfast/wire"
)

const name = "rules"

// world is a bundle with its directory, and a server's side of it.
type world struct {
	*bundle.Store
	t       *testing.T
	state   string
	content map[string][]byte // by digest
	asked   []int64           // offsets
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, state: t.TempDir(), content: make(map[string][]byte)}
	w.reopen()
	return w
}

// reopen is a restart of the agent.
func (w *world) reopen() {
	w.t.Helper()
	var err error
	if w.Store, err = bundle.Open(w.state, name, nil); err != nil {
		w.t.Fatal(err)
	}
}

// files returns a bundle of so many bytes, about, that differs with the seed.
func files(seed string, size int) map[string][]byte {
	return map[string][]byte{"rules/a.yml": bytes.Repeat([]byte(seed), size/len(seed)), "b.yml": []byte(seed)}
}

func (w *world) announce(content []byte) wire.Bundle {
	w.t.Helper()
	b := wire.Bundle{Name: name, Size: int64(len(content)), Digest: wire.Digest(content)}
	w.content[b.Digest] = content
	w.Announce(b, wire.Signed{Message: []byte(b.Digest), Signature: []byte(fmt.Sprint(b.Size))})
	return b
}

func (w *world) announceFiles(files map[string][]byte) wire.Bundle {
	w.t.Helper()
	content, err := wire.EncodeBundle(files)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.announce(content)
}

// serve answers up to n requests and returns the error of the last.
func (w *world) serve(n int) (err error) {
	for range n {
		r, missing := w.Next()
		if !missing {
			break
		}
		w.asked = append(w.asked, r.Offset)
		content := w.content[r.Digest]
		err = w.Put(wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: content[r.Offset:min(int64(len(content)), r.Offset+wire.MaxChunk)]})
	}
	return err
}

const all = 1000 // more than any content has chunks

// ready returns what is offered.
func (w *world) ready() bundle.Content {
	w.t.Helper()
	select {
	case c := <-w.Ready():
		return c
	default:
		w.t.Fatalf("nothing is ready: %+v", w.Status())
		return bundle.Content{}
	}
}

func (w *world) accept() bundle.Content {
	w.t.Helper()
	c := w.ready()
	if err := w.Accept(c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// kept returns what a restart finds.
func (w *world) kept() (bundle.Content, bool, error) {
	w.reopen()
	return w.Kept(func(s wire.Signed) (wire.Bundle, error) {
		var b wire.Bundle
		b.Name, b.Digest = name, string(s.Message)
		_, err := fmt.Sscan(string(s.Signature), &b.Size)
		return b, err
	})
}

// names are the files in the bundle's directory.
func (w *world) names() []string {
	w.t.Helper()
	var names []string
	entries, err := os.ReadDir(filepath.Join(w.state, "bundles", name))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestContentComesIntoForce(t *testing.T) {
	w := newWorld(t)
	if _, found, err := w.kept(); found || err != nil {
		t.Fatalf("a new bundle: %v, %v", found, err)
	}
	first := files("first", 3*wire.MaxChunk)
	old := w.announceFiles(first)
	if err := w.serve(2); err != nil {
		t.Fatal(err)
	}
	if s := w.Status(); s.Coming != 2*wire.MaxChunk || s.InForce != "" {
		t.Errorf("status: %+v", s)
	}
	if err := w.serve(all); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(w.accept().Files, first, bytes.Equal) {
		t.Error("the files are others")
	}
	if s := w.Status(); s != (bundle.Status{InForce: old.Digest, Taken: 1}) {
		t.Errorf("status: %+v", s)
	}
	second := w.announceFiles(files("second", 10))
	_ = w.serve(all)
	if got := w.Status().InForce; got != old.Digest {
		t.Error("content is in force that nobody accepted")
	}
	if c, found, err := w.kept(); !found || err != nil || c.Digest != old.Digest {
		t.Errorf("a restart before the end finds %s, %v", c.Digest, err)
	}
	w.announceFiles(files("second", 10))
	w.accept()
	want := []string{"announcement.json", second.Digest}
	slices.Sort(want)
	if got := w.names(); !slices.Equal(got, want) && !slices.Equal(got, []string{second.Digest, "announcement.json"}) {
		t.Errorf("files: %v", got)
	}
	if c, found, err := w.kept(); !found || err != nil || c.Digest != second.Digest || len(c.Files) != 2 {
		t.Errorf("a restart finds %s, %v", c.Digest, err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access is by the list of the directory above")
	}
	w := newWorld(t)
	dir := filepath.Join(w.state, "bundles", name)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	w.announceFiles(files("a", 10))
	_ = w.serve(all)
	w.accept()
	w.announceFiles(files("b", 2*wire.MaxChunk))
	_ = w.serve(1)
	err := filepath.WalkDir(filepath.Join(w.state, "bundles"), func(path string, e fs.DirEntry, err error) error {
		info, _ := e.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInterruptedTransferGoesOn(t *testing.T) {
	w := newWorld(t)
	content := files("interrupted", 4*wire.MaxChunk)
	b := w.announceFiles(content)
	_ = w.serve(2)
	w.reopen()
	w.announceFiles(content)
	w.announceFiles(content) // again, at another connection: nothing begins anew
	_ = w.serve(all)
	if c := w.ready(); c.Digest != b.Digest {
		t.Errorf("got %s", c.Digest)
	}
	if want := []int64{0, wire.MaxChunk, 2 * wire.MaxChunk, 3 * wire.MaxChunk, 4 * wire.MaxChunk}; !slices.Equal(w.asked, want) {
		t.Errorf("asked for %v, want %v", w.asked, want)
	}
	w.reopen() // it was whole, and nobody looked at it
	w.announceFiles(content)
	if c := w.ready(); c.Digest != b.Digest || len(w.asked) != 5 {
		t.Errorf("got %s after %v", c.Digest, w.asked)
	}
}

// part returns the file that holds what has come.
func (w *world) part(b wire.Bundle) string {
	return filepath.Join(w.state, "bundles", name, b.Digest+".part")
}

func TestDamagedPartsAreFetchedAgain(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"zeros":    func(path string) error { return os.WriteFile(path, make([]byte, wire.MaxChunk), 0o600) },
		"too long": func(path string) error { return os.Truncate(path, 5*wire.MaxChunk) },
		"removed":  os.Remove,
		"a directory": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			content := files("damaged", 3*wire.MaxChunk)
			b := w.announceFiles(content)
			_ = w.serve(1)
			if err := damage(w.part(b)); err != nil {
				t.Fatal(err)
			}
			w.reopen()
			w.announceFiles(content)
			if err := w.serve(all); err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(w.ready().Files, content, bytes.Equal) {
				t.Error("the files are others")
			}
		})
	}
}

func TestHostileChunks(t *testing.T) {
	for what, c := range map[string]struct {
		chunk func(r wire.FetchRequest, good []byte) wire.Chunk
		want  error // nil for one that ends the transfer with a warning
	}{
		"of another content": {func(r wire.FetchRequest, good []byte) wire.Chunk {
			return wire.Chunk{Digest: wire.Digest(nil), Offset: r.Offset, Data: good}
		}, bundle.ErrUnexpected},
		"of another place": {func(r wire.FetchRequest, good []byte) wire.Chunk {
			return wire.Chunk{Digest: r.Digest, Offset: r.Offset + 1, Data: good}
		}, bundle.ErrUnexpected},
		"of a negative place": {func(r wire.FetchRequest, good []byte) wire.Chunk {
			return wire.Chunk{Digest: r.Digest, Offset: -1, Data: good}
		}, bundle.ErrUnexpected},
		"come again": {func(r wire.FetchRequest, good []byte) wire.Chunk { return wire.Chunk{Digest: r.Digest, Data: good} }, bundle.ErrUnexpected},
		"gone":       {func(r wire.FetchRequest, _ []byte) wire.Chunk { return wire.Chunk{Digest: r.Digest, Gone: true} }, bundle.ErrGone},
		"empty":      {func(r wire.FetchRequest, _ []byte) wire.Chunk { return wire.Chunk{Digest: r.Digest, Offset: r.Offset} }, nil},
		"too long": {func(r wire.FetchRequest, _ []byte) wire.Chunk {
			return wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, wire.MaxChunk+1)}
		}, nil},
		"beyond the end": {func(r wire.FetchRequest, _ []byte) wire.Chunk {
			return wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, wire.MaxChunk)}
		}, nil},
		"forged": {func(r wire.FetchRequest, good []byte) wire.Chunk {
			return wire.Chunk{Digest: r.Digest, Offset: r.Offset, Data: make([]byte, len(good))}
		}, nil},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.announceFiles(files("old", 10))
			_ = w.serve(all)
			old := w.accept()
			content, err := wire.EncodeBundle(files("hostile", wire.MaxChunk+1000))
			if err != nil {
				t.Fatal(err)
			}
			b := w.announce(content)
			_ = w.serve(1)
			r, _ := w.Next()
			err = w.Put(c.chunk(r, content[r.Offset:]))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			_, missing := w.Next()
			s := w.Status()
			if refused := c.want == nil; missing != errors.Is(err, bundle.ErrUnexpected) || (s.Refused == 1) != refused || (s.Warning != "") != refused {
				t.Errorf("missing %v, status %+v", missing, s)
			}
			if s.InForce != old.Digest {
				t.Errorf("in force is %q", s.InForce)
			}
			w.announce(content) // at the next connection
			if err := w.serve(all); err != nil {
				t.Fatal(err)
			}
			if c := w.accept(); c.Digest != b.Digest || w.Status().Warning != "" {
				t.Errorf("got %s, status %+v", c.Digest, w.Status())
			}
		})
	}
}

func TestContentThatIsNoneIsRefused(t *testing.T) {
	encode := func(files map[string][]byte) []byte {
		data, err := cbor.Marshal(files)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	many := make(map[string][]byte)
	for n := range wire.MaxBundleFiles + 1 {
		many[fmt.Sprint(n)] = nil
	}
	for what, content := range map[string][]byte{
		"nonsense":      []byte("nonsense"),
		"absolute path": encode(map[string][]byte{"/etc/cron.d/x": nil}),
		"path upwards":  encode(map[string][]byte{"../../etc/x": nil}),
		"backslashes":   encode(map[string][]byte{`..\x`: nil}),
		"many files":    encode(many),
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.announceFiles(files("old", 10))
			_ = w.serve(all)
			old := w.accept()
			w.announce(content)
			if err := w.serve(all); err == nil {
				t.Error("it is taken")
			}
			w.announce(content) // known by now
			if _, missing := w.Next(); missing {
				t.Error("it is fetched again")
			}
			if s := w.Status(); s.InForce != old.Digest || s.Refused != 1 || !strings.Contains(s.Warning, "stays in force") {
				t.Errorf("status: %+v", s)
			}
			if got := w.names(); len(got) != 2 {
				t.Errorf("files: %v", got)
			}
			if c, found, err := w.kept(); !found || err != nil || c.Digest != old.Digest {
				t.Errorf("a restart finds %s, %v", c.Digest, err)
			}
		})
	}
}

func TestRefusedContentStaysOut(t *testing.T) {
	w := newWorld(t)
	w.announceFiles(files("old", 10))
	_ = w.serve(all)
	old := w.accept()
	bad := files("bad", 10)
	w.announceFiles(bad)
	_ = w.serve(all)
	w.Refuse(w.ready(), errors.New("a rule is broken"))
	w.announceFiles(bad)
	if _, missing := w.Next(); missing {
		t.Error("it is fetched again")
	}
	if s := w.Status(); s.InForce != old.Digest || s.Refused != 1 || !strings.Contains(s.Warning, "a rule is broken") {
		t.Errorf("status: %+v", s)
	}
	w.RefuseAnnouncement(wire.ErrReplayed)
	if s := w.Status(); s.Refused != 2 || !strings.Contains(s.Warning, wire.ErrReplayed.Error()) {
		t.Errorf("status: %+v", s)
	}
	w.announceFiles(files("old", 10)) // the server went back
	if _, missing := w.Next(); missing || w.Status().Warning != "" {
		t.Errorf("missing: %v, status: %+v", missing, w.Status())
	}
}

func TestNewerAnnouncementTakesThePlace(t *testing.T) {
	w := newWorld(t)
	old := w.announceFiles(files("one", 2*wire.MaxChunk))
	_ = w.serve(1)
	b := w.announceFiles(files("two", 10))
	_ = w.serve(all)
	w.announceFiles(files("three", 10))
	_ = w.serve(all)
	if _, err := os.Stat(w.part(old)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("parts of what is not wanted any more: %v", err)
	}
	if c := w.accept(); c.Digest == b.Digest || string(c.Files["b.yml"]) != "three" {
		t.Errorf("got %q", c.Files["b.yml"])
	}
}

func TestDamagedKeptContent(t *testing.T) {
	for what, damage := range map[string]func(dir, digest string) error{
		"changed":   func(dir, digest string) error { return os.WriteFile(filepath.Join(dir, digest), []byte("x"), 0o600) },
		"removed":   func(dir, digest string) error { return os.Remove(filepath.Join(dir, digest)) },
		"too large": func(dir, digest string) error { return os.Truncate(filepath.Join(dir, digest), 2<<20) },
		"announcement": func(dir, _ string) error {
			return os.WriteFile(filepath.Join(dir, "announcement.json"), []byte("{"), 0o600)
		},
		"large announcement": func(dir, _ string) error { return os.Truncate(filepath.Join(dir, "announcement.json"), 1<<20) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			content := files("kept", 1000)
			b := w.announceFiles(content)
			_ = w.serve(all)
			w.accept()
			if err := damage(filepath.Join(w.state, "bundles", name), b.Digest); err != nil {
				t.Fatal(err)
			}
			if c, found, err := w.kept(); found || err == nil {
				t.Fatalf("it is taken: %+v", c.Bundle)
			}
			if s := w.Status(); s.Warning == "" || s.InForce != "" {
				t.Errorf("status: %+v", s)
			}
			w.announceFiles(content)
			_ = w.serve(all)
			if got := w.accept().Files; !maps.EqualFunc(got, content, bytes.Equal) {
				t.Error("it is not mended by fetching it again")
			}
		})
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if err := bundle.Remove(w.state); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(w.state); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func FuzzPut(f *testing.F) {
	f.Add(int64(0), []byte("x"), false)
	f.Add(int64(-1), []byte{}, true)
	content, err := wire.EncodeBundle(map[string][]byte{"a": []byte("content")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(int64(0), content, false)
	state := f.TempDir()
	b := wire.Bundle{Name: name, Size: int64(len(content)), Digest: wire.Digest(content)}
	f.Fuzz(func(t *testing.T, offset int64, data []byte, gone bool) {
		s, err := bundle.Open(state, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Announce(b, wire.Signed{})
		for range 2 {
			_ = s.Put(wire.Chunk{Digest: b.Digest, Offset: offset, Data: data, Gone: gone})
		}
		select {
		case c := <-s.Ready():
			if c.Digest != b.Digest || string(c.Files["a"]) != "content" {
				t.Errorf("offered: %+v", c)
			}
			s.Refuse(c, errors.New("only a test"))
		default:
		}
	})
}
