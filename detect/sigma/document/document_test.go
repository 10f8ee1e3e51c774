package document_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// show writes a tree in one line.
func show(n *document.Node) string {
	if n.Scalar() {
		return n.Text
	}
	var parts []string
	for i, item := range n.Items {
		text := show(item)
		if n.Kind == document.Map && i%2 == 0 {
			text += ":"
		}
		parts = append(parts, text)
	}
	return fmt.Sprint(parts)
}

func TestCollections(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", "a: 1\n---\nb: {c: [2, x]}", []string{"[a: 1]", "[b: [c: [2 x]]]"}},
		{"global", "action: global\na: {b: 1}\nlevel: low\n---\na: {c: 2}\nlevel: low\n---\na: 3x", []string{"[a: [b: 1 c: 2] level: low]"}},
		{"reset", "action: global\na: 1\n---\nb: 2\n---\naction: reset\n---\nc: 3", []string{"[a: 1 b: 2]", "[c: 3]"}},
		{"repeat", "a: {b: 1, c: 1}\nid: x\n---\naction: repeat\na: {c: 2}\n---\naction: repeat\nd: 3", []string{"[a: [b: 1 c: 1] id: x]", "[a: [b: 1 c: 2]]", "[a: [b: 1 c: 2] d: 3]"}},
		{"repeat of the global one", "action: global\na: 1\n---\naction: repeat\na: 2", []string{"[a: 2]"}},
		{"id for the first", "action: global\nid: x\nname: y\n---\na: 1\n---\na: 2", []string{"[id: x name: y a: 1]", "[a: 2]"}},
		{"not for correlations and filters", "action: global\na: 1\n---\ncorrelation: 2\n---\nfilter: 3\n---\nb: 4", []string{"[correlation: 2]", "[filter: 3]", "[a: 1 b: 4]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := document.Split("f.yml", []byte(c.text))
			var got []string
			for _, doc := range docs {
				got = append(got, show(doc))
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			if c.name == "global" && (err == nil || !strings.Contains(err.Error(), "f.yml:8: the global document has a, too, with another value (line 2)")) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// bomb is the YAML that doubles with every line.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func TestHostileFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"aliases", bomb(), "f.yml:2: YAML aliases (*a0) are not allowed"},
		{"merge keys", "a: {<<: {b: c}}", "f.yml:1: YAML merge keys"},
		{"itself", "a: &a [*a]", "YAML aliases (*a)"},
		{"deep", strings.Repeat("[", 5000), "not YAML"},
		{"deeper than the decoder goes", "a: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "f.yml"},
		{"deep maps", "a: " + strings.Repeat("{a: ", 50) + "x" + strings.Repeat("}", 50), "nested deeper than 32 levels"},
		{"wide", "[" + strings.Repeat("1,", 300_000) + "1]", "more than 200000 values"},
		{"large", strings.Repeat("#", 10<<20), "f.yml: the file is larger than 1048576 bytes: split it"},
		{"many documents", strings.Repeat("a: b\n---\n", 2000), "more than 1000 documents"},
		{"a key that is a list", "[a]: b", "f.yml:1: a key must be plain text"},
		{"a key twice", "a: b\nb: c\na: d", `f.yml:3: the key "a" is there twice`},
		{"a collection that unfolds", "action: global\na: [" + strings.Repeat("1,", 5000) + "1]\n" + strings.Repeat("---\nb: c\n", 900), "more than 200000 values"},
		{"repeats that grow", "a: [" + strings.Repeat("1,", 5000) + "1]\n" + strings.Repeat("---\naction: repeat\nb: c\n", 900), "more than 200000 values"},
		{"NUL", "a: \x00", "not YAML"},
		{"not UTF-8", "a: \xff\xfe\xff", "not YAML"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := document.Split("f.yml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %.200v does not say %q", err, c.want)
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); len(first) > 300 {
				t.Errorf("the message is long: %.400s", first)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("action: global\na: {b: 1}\n---\na: {c: [2, null, true]}\n---\naction: repeat\nd: 3\n---\naction: reset\n"))
	f.Add([]byte(bomb()))
	f.Add([]byte("a: {<<: *b}\n? [x]\n: y"))
	f.Add([]byte("- a\n- {b: |\n  c\n---\n...\n%YAML 1.1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := document.Split("f.yml", data)
		if len(docs) == 0 && err == nil {
			t.Error("no document and no error")
		}
		for _, doc := range docs {
			check(t, doc, 0)
		}
	})
}

// check holds a tree to what [document.Node] promises.
func check(t *testing.T, n *document.Node, depth int) {
	if depth > 64 || n.Scalar() && n.Items != nil || n.Kind == document.Map && len(n.Items)%2 != 0 {
		t.Fatalf("%+v at depth %d", n, depth)
	}
	seen := make(map[string]bool)
	for i, item := range n.Items {
		if n.Kind == document.Map && i%2 == 0 {
			if !item.Scalar() || seen[item.Text] {
				t.Fatalf("key %q is no text or there twice", item.Text)
			}
			seen[item.Text] = true
		}
		check(t, item, depth+1)
	}
}
