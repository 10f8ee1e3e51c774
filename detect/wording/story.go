package wording

import (
	"regexp"
	"slices"
	"strconv"
)

// field is a {Field} of a story or remediation step, option text that stands
// only with the fields in it.
var (
	field  = regexp.MustCompile(`\{([A-Za-z0-9_.@-]+)\}`)
	option = regexp.MustCompile(`\[[^][{}]*(\{[A-Za-z0-9_.@-]+\}[^][{}]*)+\]`)
)

// Fields returns the fields in templates, each once, in the order of their
// first use.
func Fields(templates ...string) []string {
	var names []string
	for _, template := range templates {
		for _, m := range field.FindAllStringSubmatch(template, -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// Expand fills every {Field} of a template with the value that text returns for
// it, bounded in length but not escaped, or with "?" where that is none. Text in
// square brackets with a field in it is left out where there is no value, or an
// empty one. An actor's account of which only the number is known is "user 33".
func Expand(template string, text func(name string) (string, bool)) string {
	template = option.ReplaceAllStringFunc(template, func(m string) string {
		for _, name := range field.FindAllString(m, -1) {
			if value, ok := text(name[1 : len(name)-1]); !ok || value == "" {
				return ""
			}
		}
		return m[1 : len(m)-1]
	})
	return field.ReplaceAllStringFunc(template, func(m string) string {
		name := m[1 : len(m)-1]
		value, ok := text(name)
		switch {
		case !ok:
			return "?"
		case actorAccounts[name] && isNumber(value):
			return "user " + value
		}
		return Bound(value)
	})
}

// actorAccounts are the fields that tell who acted. TargetUser is none: commands
// in remediation steps name it.
var actorAccounts = map[string]bool{"User": true, "EffectiveUser": true, "LogonUser": true, "EntryUser": true}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil
}
