package rulebook

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules"
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

// foundation is what rules there are without documents: Holdfast's own and
// those of the configuration. It is not changed once made.
type foundation struct {
	rules []*sigma.Rule
	own   int               // of them, the first, are Holdfast's
	files map[string][]byte // of the operator's, by their path in the bundle for hosts
	texts map[string][]byte // likewise, and Holdfast's, by the path that their rules have
}

// Load reads and compiles Holdfast's own rules and those in the given files and
// directories, and returns how many there are. One rule that cannot be used
// refuses them all, with a [*RefusedError] that lists each.
func Load(paths []string) (int, error) {
	f, err := lay(Config{Paths: paths})
	if err != nil {
		return 0, err
	}
	e, err := compose(f, nil, nil)
	if err != nil {
		return 0, err
	}
	return len(e.live.Rules()), nil
}

// lay reads the rules that are no documents.
func lay(cfg Config) (*foundation, error) {
	own := rulefiles.Embedded
	if cfg.own != nil {
		own = cfg.own
	}
	set := own()
	f := &foundation{own: len(set.Rules), files: make(map[string][]byte), texts: make(map[string][]byte)}
	for _, file := range rules.Files() {
		f.texts[rulefiles.EmbeddedPrefix+file.Path] = file.Data
	}
	names := bundleNames(cfg.Paths)
	for _, root := range cfg.Paths {
		set.Keep = func(path string, data []byte) {
			f.files[bundlePath(root, names[root], path)] = data
			f.texts[path] = data
		}
		if err := set.Add(root); err != nil {
			return nil, err
		}
	}
	if len(set.Refused) > 0 {
		return nil, &RefusedError{set.Refused}
	}
	f.rules = set.Rules
	return f, nil
}

// bundleNames returns what stands in a bundle for each file or directory of the
// configuration: its name, with a number where another has that, too, or it is
// that of the documents.
func bundleNames(roots []string) map[string]string {
	names, taken := make(map[string]string), map[string]bool{strings.TrimSuffix(docPrefix, "/"): true}
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
