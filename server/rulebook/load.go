package rulebook

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
	"github.com/holdfast-security/holdfast/wire"
)

// RefusedError says why a set of rules is not taken. It is refused as a whole:
// what is in force stays so.
type RefusedError struct{ Refused []rulefiles.Refusal }

// maxReasons is how many refused rules are said one by one.
const maxReasons = 20

// Error says why each rule was refused, with its place.
func (e *RefusedError) Error() string {
	var lines []string
	for i, r := range e.Refused {
		if i == maxReasons {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Refused)-i))
			break
		}
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "; ")
}

// Files are the files of the operator's rules, by the path that they have in
// the bundle for hosts.
type Files map[string][]byte

// Load reads and compiles Holdfast's own rules and those in the given files and
// directories, and returns them with the files of the latter. One rule that
// cannot be used refuses them all, with a [*RefusedError] that lists each.
func Load(paths []string) (*detect.Ruleset, Files, error) {
	set, files := rulefiles.Embedded(), make(Files)
	names := bundleNames(paths)
	for _, root := range paths {
		set.Keep = func(path string, data []byte) { files[bundlePath(root, names[root], path)] = data }
		if err := set.Add(root); err != nil {
			return nil, nil, err
		}
	}
	rules := set.Compile()
	if len(set.Refused) > 0 {
		return nil, nil, &RefusedError{set.Refused}
	}
	return rules, files, nil
}

// bundleNames returns what stands in a bundle for each file or directory of the
// configuration: its name, with a number where another has that, too.
func bundleNames(roots []string) map[string]string {
	names, taken := make(map[string]string), make(map[string]bool)
	for _, root := range roots {
		base := filepath.Base(root)
		if strings.Trim(base, "./\\") == "" {
			base = wire.BundleRules
		}
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		names[root], taken[name] = name, true
	}
	return names
}

// bundlePath returns the path in a bundle of a file at or below root.
func bundlePath(root, name, path string) string {
	rest, err := filepath.Rel(root, path)
	if err != nil || rest == "." {
		return name
	}
	return name + "/" + filepath.ToSlash(rest)
}
