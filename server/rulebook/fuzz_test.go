package rulebook

import (
	"testing"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/wire"
)

// FuzzName checks that hosts take every name that a document may have.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a.yml", "web/shells.yaml", "../a.yml", "a/.b.yml", "a\x00.yml", "C:\\a.yml", "é.YML", "con .yml", "a//b.yml"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		if _, err := wire.EncodeBundle(map[string][]byte{docPrefix + name: nil}); err != nil {
			t.Errorf("%q is a name that hosts refuse: %v", name, err)
		}
		if DocOf(docPrefix+name) != name {
			t.Errorf("%q is not found again", name)
		}
	})
}

// FuzzCheck reads texts as rules of a document.
func FuzzCheck(f *testing.F) {
	f.Add(rule("A", idY), "")
	f.Add(rule("A", idX)+"---\n"+rule("B", idX), "a.yml")
	f.Add("title: F\nid: "+idY+"\nlogsource: {product: linux}\nfilter: {rules: ["+idX+"], selection: {a: b}, condition: selection}\n", "f.yml")
	f.Add("title: C\nid: "+idY+"\ncorrelation: {type: event_count, rules: ["+idX+"], group-by: [a], timespan: 1m, condition: {gte: 3}}\n", "c.yml")
	f.Add("vars: {a: [b]}", "pipeline.yml")
	f.Add("{", "x.yml")
	base, err := lay(Config{own: few})
	if err != nil {
		f.Fatal(err)
	}
	e, err := compose(base, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	b := &Book{edition: e}
	f.Fuzz(func(t *testing.T, text, name string) {
		if name != "" && CheckName(name) != nil {
			return
		}
		got := b.Check(api.RuleText{Text: text, Name: name})
		for _, p := range got.Problems {
			if p.Reason == "" || p.Line < 0 {
				t.Errorf("a problem without a reason or place: %+v", p)
			}
		}
	})
}
