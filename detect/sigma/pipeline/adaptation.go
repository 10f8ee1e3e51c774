package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxTexts bounds what one text with placeholders stands for.
const maxTexts = 50_000

// Adaptation is what pipelines say of one rule. The nil value says nothing.
type Adaptation struct {
	rename    []func(field string) []string
	values    map[string][]string // of placeholders
	wildcards []func(placeholder string) bool
}

// Run asks pipelines for a rule whose detection is not read yet. It changes
// the rule's log source, which later steps see.
func Run(pipelines []*Pipeline, r *Rule) *Adaptation {
	ordered := slices.Clone(pipelines)
	slices.SortStableFunc(ordered, func(a, b *Pipeline) int { return cmp.Compare(a.Priority, b.Priority) })
	g := &Adaptation{values: make(map[string][]string)}
	for _, p := range ordered {
		for i := range p.steps {
			if s := &p.steps[i]; s.applies(r) {
				g.take(p, s, r)
			}
		}
	}
	return g
}

func (g *Adaptation) take(p *Pipeline, s *step, r *Rule) {
	switch s.kind {
	case valuePlaceholders:
		for name, values := range p.vars {
			if s.covers(name) {
				g.values[name] = values
			}
		}
	case wildcardPlaceholders:
		g.wildcards = append(g.wildcards, s.covers)
	case changeLogSource:
		if !r.Correlation {
			r.Product, r.Category, r.Service = strings.ToLower(s.source.product), strings.ToLower(s.source.category), strings.ToLower(s.source.service)
		}
	default:
		g.rename = append(g.rename, s.renamed)
	}
}

// renamed returns the names that a field becomes.
func (s *step) renamed(field string) []string {
	switch {
	case !s.covers(field):
	case s.kind == fieldNamePrefix:
		return []string{s.affix + field}
	case s.kind == fieldNameSuffix:
		return []string{field + s.affix}
	case s.mapping[field] != nil:
		return s.mapping[field]
	}
	return []string{field}
}

// Fields returns the names that a field of the rule becomes, of which one is to
// have what the rule asks for.
func (g *Adaptation) Fields(name string) ([]string, error) {
	names := []string{name}
	if g == nil || name == "" {
		return names, nil
	}
	for _, rename := range g.rename {
		var next []string
		for _, n := range names {
			next = append(next, rename(n)...)
		}
		if names = next; len(names) > maxMapped {
			return nil, fmt.Errorf("the pipelines make more than %d fields of %q", maxMapped, name)
		}
	}
	return names, nil
}

// Field is [Adaptation.Fields] where there can be only one.
func (g *Adaptation) Field(name string) (string, error) {
	names, err := g.Fields(name)
	if err != nil {
		return "", err
	}
	if len(names) > 1 {
		return "", fmt.Errorf("the pipelines make several fields of %q (%s), where only one can stand", name, strings.Join(names, ", "))
	}
	return names[0], nil
}

// Expand returns the texts that one with placeholders like %name% means. A
// percent sign after a backslash is one.
func (g *Adaptation) Expand(text string) ([]string, error) {
	texts := []string{""}
	put := func(choices ...string) error {
		var next []string
		for _, before := range texts {
			for _, choice := range choices {
				next = append(next, before+choice)
			}
		}
		if texts = next; len(texts) > maxTexts {
			return fmt.Errorf("the placeholders stand for more than %d values", maxTexts)
		}
		return nil
	}
	for text != "" {
		i := strings.IndexByte(text, '%')
		switch {
		case i < 0:
			return texts, put(text)
		case i > 0 && text[i-1] == '\\':
			if err := put(text[:i-1] + "%"); err != nil {
				return nil, err
			}
			text = text[i+1:]
			continue
		}
		name, rest, closed := strings.Cut(text[i+1:], "%")
		if !closed || name == "" {
			return nil, fmt.Errorf(`%q has a %% that begins no placeholder: write \%% for a percent sign`, text)
		}
		values, err := g.of(name)
		if err == nil {
			err = put(text[:i])
		}
		if err == nil {
			err = put(values...)
		}
		if err != nil {
			return nil, err
		}
		text = rest
	}
	return texts, nil
}

// of returns the values of a placeholder.
func (g *Adaptation) of(name string) ([]string, error) {
	if g != nil {
		if values := g.values[name]; values != nil {
			return values, nil
		}
		if slices.ContainsFunc(g.wildcards, func(covers func(string) bool) bool { return covers(name) }) {
			return []string{"*"}, nil
		}
	}
	return nil, fmt.Errorf("placeholder %%%[1]s%% has no values: give it some in a file pipeline.yml in the directory of the rules, for example vars: {%[1]s: [one, two]}", name)
}
