package filter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// newWhere returns a function that reports whether an event satisfies all
// conditions, or nil where there are none.
func newWhere(conditions []string) (func(*event.Event) bool, error) {
	if len(conditions) == 0 {
		return nil, nil
	}
	data, err := whereRule(conditions)
	if err != nil {
		return nil, err
	}
	rules, err := sigma.Parse("--where", data)
	if err != nil {
		return nil, err
	}
	set, errs := detect.Compile(rules)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	matcher, mapper := set.NewMatcher(detect.Limits{}), fields.NewMapper(set)
	return func(e *event.Event) bool {
		matched := false
		mapper.Each(e, func(d *detect.Document) {
			matcher.Match(d, func(detect.Match) { matched = true })
		})
		return matched
	}, nil
}

// whereRule returns the text of a Sigma rule that holds when all conditions
// do. Each is Field=value, where Field may carry Sigma's modifiers and value
// its wildcards: "Image|endswith=/bash", "CommandLine=*curl*".
func whereRule(conditions []string) ([]byte, error) {
	detection := make(map[string]any)
	var names []string
	for i, c := range conditions {
		key, value, ok := strings.Cut(c, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf(`condition %q is not of the form Field=value, for example 'Image|endswith=/bash'`, c)
		}
		if err := knowField(key); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("where%d", i+1)
		detection[name] = map[string]string{key: value}
		names = append(names, name)
	}
	detection["condition"] = strings.Join(names, " and ")
	// JSON is YAML, and leaves no value to be read as anything but text.
	return json.Marshal(map[string]any{
		"title": "--where", "logsource": map[string]string{"product": "linux"}, "detection": detection,
	})
}

// knowField refuses names that no event has: they would just never match.
func knowField(key string) error {
	field, _, _ := strings.Cut(key, "|")
	names := fieldNames()
	if slices.Contains(names, field) {
		return nil
	}
	if near := spelling.Nearest(field, names); near != "" {
		return fmt.Errorf("events have no field %q; did you mean %s?", field, near)
	}
	return fmt.Errorf("events have no field %q; holdfast rules fields lists them", field)
}

func fieldNames() []string {
	var names []string
	for _, f := range fields.Table() {
		names = append(names, f.Name)
	}
	return names
}
