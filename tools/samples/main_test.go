package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/rules/samples"
)

// key tells samples apart.
type key struct{ rule, name string }

func keys(list []samples.Sample) map[key]int {
	n := make(map[key]int)
	for _, s := range list {
		n[key{s.Alert.Rule.ID, s.Name}]++
	}
	return n
}

// TestFresh holds the file against the samples in the tree: which there are, and
// by which rule each raises an alert.
func TestFresh(t *testing.T) {
	var kept []samples.Sample
	if err := samples.Each(func(s samples.Sample) bool { kept = append(kept, s); return true }); err != nil {
		t.Fatal(err)
	}
	now, err := collect()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys(kept), keys(now)); diff != "" {
		t.Errorf("rules/samples/alerts.json.gz is stale, run `make generate` (-file +tree):\n%s", diff)
	}
}

func TestPositive(t *testing.T) {
	found := positive([]byte("a comment\n-- match-a.log --\none\ntwo\n-- nomatch-b.log --\nthree\n-- match-c.log --\n-- no name\n"))
	if len(found) != 2 || found[0].name != "match-a.log" || len(found[0].lines) != 2 || string(found[0].lines[1]) != "two" {
		t.Fatalf("found %q", found)
	}
	if found[1].name != "match-c.log" || len(found[1].lines) != 1 {
		t.Errorf("found %q", found)
	}
}
