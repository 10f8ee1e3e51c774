package strictyaml_test

import (
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/internal/strictyaml"
)

type config struct {
	Listen string   `yaml:"listen"`
	Bytes  int64    `yaml:"bytes"`
	On     bool     `yaml:"on"`
	Rules  []string `yaml:"rules"`
	Inner  struct {
		Name string `yaml:"name"`
	} `yaml:"inner"`
	Contexts map[string]struct {
		Server string `yaml:"server"`
	} `yaml:"contexts"`
}

func TestDecode(t *testing.T) {
	var got config
	if err := strictyaml.Decode([]byte("listen: a\ninner: {name: b}\ncontexts: {c: {server: d}}\n"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Listen != "a" || got.Inner.Name != "b" || got.Contexts["c"].Server != "d" {
		t.Errorf("read %+v", got)
	}
	if err := strictyaml.Decode(nil, &got); err != nil || got.Listen != "a" {
		t.Errorf("empty data: %v, %+v", err, got)
	}
}

func TestSentences(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"unknown":       {"listne: a", `line 1: there is no setting "listne"; did you mean listen?`},
		"inside":        {"inner:\n  nam: a", `line 2: there is no setting "nam"; did you mean name?`},
		"far off":       {"colour: a", `line 1: there is no setting "colour"`},
		"several":       {"a1: 1\nb2: 2", `line 1: there is no setting "a1"; line 2: there is no setting "b2"`},
		"text":          {"bytes: much", "line 1: `much` is a text where a number belongs"},
		"list":          {"listen: [a]", "line 1: is a list where a text belongs"},
		"group":         {"rules: {a: b}", "line 1: is a group of settings where a list belongs"},
		"truth":         {"on: perhaps", "line 1: `perhaps` is a text where true or false belongs"},
		"no group":      {"inner: a", "line 1: `a` is a text where a group of settings belongs"},
		"no document":   {"just words", "line 1: `just words` is a text where a group of settings belongs"},
		"two documents": {"on: true\n---\non: false", "more than one document; keep one"},
		"twice":         {"on: true\non: false", "line 2: mapping key \"on\" already defined at line 1"},
		"syntax":        {"listen: [", "line 1: did not find expected node content"},
		"a tab":         {"inner:\n\tname: a", "line 2: found character that cannot start any token"},
	} {
		err := strictyaml.Decode([]byte(c.data), new(config))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestList(t *testing.T) {
	const text = "# two in a list\n- on: true\n\n- bytes: 2\n---\n---\nlisten: a\n"
	got, err := strictyaml.List[config]([]byte(text))
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, line := range []int{2, 4, 7} {
		if got[i].Line != line {
			t.Errorf("item %d begins in line %d, want %d", i, got[i].Line, line)
		}
	}
	if !got[0].Value.On || got[1].Value.Bytes != 2 || got[2].Value.Listen != "a" {
		t.Errorf("read %+v", got)
	}
	for name, c := range map[string]struct{ data, want string }{
		"unknown":   {"- on: true\n- nam: x\n", `line 2: there is no setting "nam"; did you mean name?`},
		"later":     {"on: true\n---\non: perhaps\n", "line 3: `perhaps` is a text where true or false belongs"},
		"empty":     {"- on: true\n-\n", "line 2: an entry of the list is empty"},
		"no groups": {"- a\n", "line 1: `a` is a text where a group of settings belongs"},
		"syntax":    {"on: true\n---\n[", "line 3: did not find expected node content"},
	} {
		if _, err := strictyaml.List[config]([]byte(c.data)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"listen: a", "a: &b [*b]", "bytes: 1e999", "? [x]\n: y", "- on: true\n---\n- [", "listen: !!binary x", "\xff", "rules: [\"a\nb\"]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := strictyaml.Decode(data, new(config)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
		items, err := strictyaml.List[config](data)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
		for _, item := range items {
			if item.Line < 1 {
				t.Errorf("an item begins in line %d", item.Line)
			}
		}
	})
}
