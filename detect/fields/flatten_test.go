package fields

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

func emptySet(t testing.TB) *detect.Ruleset {
	t.Helper()
	rules, err := sigma.Parse("t.yml", []byte("title: t\nlogsource: {product: x}\ndetection: {s: {a.b: 1}, condition: s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return set
}

// leavesOf describes the leaves that the flattener reads.
func leavesOf(f *flattener, data []byte) ([]string, error) {
	if err := f.flatten(data); err != nil {
		return nil, err
	}
	var all []string
	for _, l := range f.leaves {
		all = append(all, fmt.Sprintf("%s %c %s", l.name.full, l.kind, f.texts[l.from:l.to]))
	}
	return all, nil
}

// plainLeaves reads an object by the standard library.
func plainLeaves(t *testing.T, data []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	next := func() json.Token {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	var value func(name string, depth int)
	value = func(name string, depth int) {
		switch token := next().(type) {
		case json.Delim:
			for d.More() {
				if token == '[' {
					value(name, depth)
					continue
				}
				key := next().(string)
				if depth > 0 {
					key = name + "." + key
				}
				value(key, depth+1)
			}
			next()
		case string:
			all = append(all, name+" s "+token)
		case json.Number:
			all = append(all, name+" n "+token.String())
		case bool:
			all = append(all, name+" b "+strconv.FormatBool(token))
		}
	}
	value("", 0)
	return all
}

// FuzzFlatten holds the flattener against the standard library, reading each
// object twice, as the second time names are known.
func FuzzFlatten(f *testing.F) {
	for _, text := range []string{
		`{"Event":{"System":{"EventID":1,"Provider":{"#attributes":{"Name":"x"}}},"EventData":{"Image":"C:\\\\x\\u00e4"}},"l":[1,"a",null,{"b":true}]}`,
		`{"a":"\\ud83d\\ude00\\u0000","a":false,"a.b":[[1.5e3],[]], "":{"":"","b":{}} }`,
		`{"long":"` + strings.Repeat(`0123456789\\n`, 20) + `","k\\n\\"":-1}`,
	} {
		f.Add([]byte(strings.ReplaceAll(text, `\\`, `\`)))
	}
	set := emptySet(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		flat := flattener{names: newNames(set)}
		first, err := leavesOf(&flat, data)
		second, again := leavesOf(&flat, data)
		if (err == nil) != (again == nil) || !slices.Equal(first, second) {
			t.Fatalf("first %q, %v, then %q, %v", first, err, second, again)
		}
		if err != nil || !json.Valid(data) || !utf8.Valid(data) || len(data) > maxNameLength {
			return
		}
		if want := plainLeaves(t, data); !slices.Equal(first, want) {
			t.Errorf("got %q, want %q", first, want)
		}
	})
}

func TestTooManyAndTooLongNames(t *testing.T) {
	flat := flattener{names: newNames(emptySet(t))}
	for i := range maxNames + 100 {
		got, err := leavesOf(&flat, fmt.Appendf(nil, `{"n%d":{"x":1,"y":2}}`, i))
		if want := []string{fmt.Sprintf("n%d.x n 1", i), fmt.Sprintf("n%d.y n 2", i)}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if flat.names.count > maxNames {
		t.Errorf("%d names are remembered", flat.names.count)
	}
	flat = flattener{names: newNames(emptySet(t))}
	long := strings.Repeat("k", maxNameLength+1)
	for range 2 { // what follows a name that is too long in one object is nothing to another
		if _, err := leavesOf(&flat, []byte(`{"c":{"`+long+`":1,"b":2}}`)); err != nil {
			t.Fatal(err)
		}
		got, err := leavesOf(&flat, []byte(`{"a":{"`+long+`":{"z":1},"b":2}}`))
		if want := []string{" n 1", "a.b n 2"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}
