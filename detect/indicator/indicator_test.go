package indicator_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/indicator"
)

func set(t testing.TB, text string) *indicator.Set {
	t.Helper()
	b := indicator.NewBuilder()
	if err := b.Read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return b.Set()
}

const list = `# a list
203.0.113.5	7
192.0.2.128/25
2001:db8::bad
bad.example
0.0.0.0 sink.example
http://files.example:8080/a/b.sh
||ads.example^
*.wild.example
198.51.100.9:4444 # with a port
"quoted.example",2026-01-01
`

func TestSet(t *testing.T) {
	s := set(t, list)
	for _, a := range []string{"203.0.113.5", "192.0.2.200", "2001:db8::bad", "::ffff:203.0.113.5", "198.51.100.9", indicator.TestAddress} {
		if !s.Address(netip.MustParseAddr(a)) {
			t.Errorf("%s is not listed", a)
		}
	}
	for _, a := range []string{"203.0.113.6", "192.0.2.1", "2001:db8::1", "127.0.0.1", "0.0.0.0"} {
		if s.Address(netip.MustParseAddr(a)) {
			t.Errorf("%s is listed", a)
		}
	}
	for _, d := range []string{"bad.example", "a.b.bad.example", "sink.example", "files.example", "ads.example", "x.wild.example", "quoted.example", indicator.TestDomain} {
		if !s.Domain(d) {
			t.Errorf("%s is not listed", d)
		}
	}
	for _, d := range []string{"notbad.example", "example", "bad.example.org", ""} {
		if s.Domain(d) {
			t.Errorf("%s is listed", d)
		}
	}
}

func TestReadSkipsWhatIsNoIndicator(t *testing.T) {
	b := indicator.NewBuilder()
	text := "<html>\n127.0.0.0/8\n0.0.0.0/0\n::/0\n127.0.0.1\nlocalhost\n1.2.3\n-\na..b\n" + strings.Repeat("x", 10_000) + ".example\nlast.example"
	if err := b.Read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if b.Skipped != 10 {
		t.Errorf("%d lines skipped, want 10", b.Skipped)
	}
	if s := b.Set(); s.Len() != indicator.NewBuilder().Set().Len()+1 || !s.Domain("last.example") {
		t.Errorf("%d entries", s.Len())
	}
}

func TestReadIsBounded(t *testing.T) {
	b := indicator.NewBuilder()
	b.Bound(1000)
	if err := b.Read(&counter{}); !errors.Is(err, indicator.ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

// counter is an endless list of names.
type counter struct{ n int }

func (c *counter) Read(p []byte) (int, error) {
	c.n++
	name := []byte{'a' + byte(c.n%26), 'a' + byte(c.n/26%26), 'a' + byte(c.n/676%26), 'a' + byte(c.n/17576%26), 'a' + byte(c.n/456976%26)}
	return copy(p, string(name)+".example\n"), nil
}

func TestScan(t *testing.T) {
	s := set(t, list)
	tests := []struct {
		text string
		want []string
	}{
		{"http://BAD.example:80/x?y=1", []string{"bad.example"}},
		{"root@203.0.113.5:/tmp", []string{"203.0.113.5"}},
		{"exec 3<>/dev/tcp/192.0.2.130/80; curl 'x.wild.example'", []string{"192.0.2.130", "x.wild.example"}},
		{"[2001:db8::bad]:443 2001:db8::bad", []string{"2001:db8::bad"}},
		{"bad.example. bad.example", []string{"bad.example"}},
		{"file.txt notbad.example 203.0.113.50 v1.2.3 a:b:c ...", nil},
		{"", nil},
	}
	for _, tt := range tests {
		if got := s.Scan(nil, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := (*indicator.Set)(nil).Scan(nil, "bad.example"); got != nil {
		t.Errorf("an empty set finds %q", got)
	}
}

func TestLive(t *testing.T) {
	var l indicator.Live
	if !l.Set().Domain(indicator.TestDomain) || !(*indicator.Live)(nil).Set().Domain(indicator.TestDomain) {
		t.Error("the entry for tests is not there")
	}
	l.Put(set(t, "new.example"))
	if !l.Set().Domain("new.example") {
		t.Error("the new set is not in force")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(list, "curl http://bad.example/")
	f.Add("::ffff:0:0/96\n%\n\xff.\xff\n[::1]:1\n", "::1%lo0 1.2.3.4:5:6 \xff.\xff")
	f.Fuzz(func(t *testing.T, lines, text string) {
		b := indicator.NewBuilder()
		if err := b.Read(strings.NewReader(lines)); err != nil {
			t.Fatal(err)
		}
		for _, hit := range b.Set().Scan(nil, text) {
			if hit == "" || strings.ContainsAny(hit, " \n/") {
				t.Errorf("found %q", hit)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	s := set(b, list)
	for b.Loop() {
		s.Scan(nil, "rsync -a --delete /srv/data/ backup@store1.internal.example.org:/backup/2026.11.23/host.tar.gz")
	}
}
