// Package pipeline adapts detection rules to an environment before they are
// read: it gives placeholders their values, fields other names and rules other
// log sources.
//
// Its form is the part of the processing pipelines of pySigma
// (https://sigmahq-pysigma.readthedocs.io/en/latest/Processing_Pipelines.html)
// that does not depend on a query language, so that a pipeline written for
// other tools can be used, or is refused with the place that cannot. [Parse]
// reads a pipeline; [Run] says what several together make of one rule, as an
// [Adaptation], which the parser of rules asks. What they multiply is bounded.
package pipeline

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// Pipeline is a list of transformations of rules. It is immutable.
type Pipeline struct {
	Path     string
	Name     string
	Priority int // pipelines of a lower one come first

	vars  map[string][]string
	steps []step
}

// logSource is parts of a log source; an empty one is any.
type logSource struct{ product, category, service string }

func (l logSource) covers(r *Rule) bool {
	return (l.product == "" || l.product == r.Product) && (l.category == "" || l.category == r.Category) && (l.service == "" || l.service == r.Service)
}

// Bounds of a pipeline.
const (
	maxSteps     = 1000
	maxVarValues = 10_000 // of one placeholder
	maxMapped    = 16     // fields that one field becomes
)

// step is one transformation with the rules that it is for.
type step struct {
	kind    string
	rules   []func(*Rule) bool
	either  bool                // one of rules is enough
	negated bool                // it is for the other rules
	covers  func(string) bool   // whether it is for a placeholder or field
	mapping map[string][]string // of field_name_mapping
	affix   string              // of field_name_prefix and field_name_suffix
	source  logSource           // of change_logsource
}

// Rule is what a pipeline knows of a rule.
type Rule struct {
	Product, Category, Service string // its log source
	Tags                       []string
	Taxonomy                   string
	Correlation                bool // it joins others, and has no log source
}

// Parse reads a pipeline; path is only for messages. The error joins
// [*document.Error]s.
func Parse(path string, data []byte) (*Pipeline, error) {
	docs, err := document.Split(path, data)
	if err != nil {
		return nil, err
	}
	if len(docs) > 1 {
		return nil, &document.Error{Path: path, Line: docs[1].Line, Reason: "a pipeline is one document: give each a file of its own"}
	}
	p := &Pipeline{Path: path, vars: make(map[string][]string)}
	if err := document.EachPair(docs[0], "a pipeline", p.set); err != nil {
		return nil, document.In(path, docs[0].Line, err)
	}
	if !slices.ContainsFunc(p.steps, func(s step) bool { return s.kind == valuePlaceholders || s.kind == wildcardPlaceholders }) {
		p.steps = append(p.steps, step{kind: valuePlaceholders, covers: everything})
	}
	return p, nil
}

func (p *Pipeline) set(key, value *document.Node) (err error) {
	switch key.Text {
	case "name":
		p.Name, err = document.One(key, value)
	case "priority":
		if p.Priority, err = strconv.Atoi(value.Text); err != nil {
			return document.At(value, "priority %q is not a whole number", value.Text)
		}
	case "vars":
		err = document.EachPair(value, "vars", p.setVar)
	case "transformations":
		err = p.setSteps(value)
	case "allowed_backends":
		// For which query languages a pipeline is; there is none here.
	default:
		err = document.At(key, "a pipeline has no %q here: it has name, priority, vars and transformations", key.Text)
	}
	return err
}

func (p *Pipeline) setVar(key, value *document.Node) error {
	values, err := document.Many(key, value)
	switch {
	case err != nil:
		return err
	case len(values) == 0:
		return document.At(value, "vars: %s has no value: give it one or a list", key.Text)
	case len(values) > maxVarValues:
		return document.At(value, "vars: %s has more than %d values", key.Text, maxVarValues)
	}
	p.vars[key.Text] = values
	return nil
}

func (p *Pipeline) setSteps(n *document.Node) error {
	if n.Kind != document.List {
		return document.At(n, "transformations must be a list")
	}
	if len(n.Items) > maxSteps {
		return document.At(n, "the pipeline has more than %d transformations", maxSteps)
	}
	for _, child := range n.Items {
		s, err := parseStep(child)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, s)
	}
	return nil
}

// Kinds of transformations.
const (
	valuePlaceholders    = "value_placeholders"
	wildcardPlaceholders = "wildcard_placeholders"
	fieldNameMapping     = "field_name_mapping"
	fieldNamePrefix      = "field_name_prefix"
	fieldNameSuffix      = "field_name_suffix"
	changeLogSource      = "change_logsource"
)

var stepKinds = []string{valuePlaceholders, wildcardPlaceholders, fieldNameMapping, fieldNamePrefix, fieldNameSuffix, changeLogSource}

func everything(string) bool { return true }

func parseStep(n *document.Node) (step, error) {
	s := step{covers: everything}
	err := document.EachPair(n, "a transformation", s.set)
	switch {
	case err != nil:
		return s, err
	case s.kind == "":
		return s, document.At(n, "the transformation has no type: use one of %s", strings.Join(stepKinds, ", "))
	case (s.kind == fieldNameMapping) != (s.mapping != nil):
		return s, document.At(n, "mapping belongs to field_name_mapping, which needs one, for example mapping: {CommandLine: process.command_line}")
	case (s.kind == fieldNamePrefix || s.kind == fieldNameSuffix) != (s.affix != ""):
		return s, document.At(n, "prefix and suffix belong to field_name_prefix and field_name_suffix, which need one")
	case (s.kind == changeLogSource) != (s.source != logSource{}):
		return s, document.At(n, "product, category and service belong to change_logsource, which needs at least one")
	}
	return s, nil
}

func (s *step) set(key, value *document.Node) (err error) {
	switch key.Text {
	case "id":
		// A name for other tools.
	case "type":
		if s.kind = value.Text; !slices.Contains(stepKinds, s.kind) {
			return document.At(value, "transformation %q is not supported: use one of %s", s.kind, strings.Join(stepKinds, ", "))
		}
	case "include", "exclude":
		err = s.restrict(key, value, key.Text == "include")
	case "mapping":
		err = s.setMapping(value)
	case "prefix", "suffix":
		s.affix, err = document.One(key, value)
	case "product":
		s.source.product, err = document.One(key, value)
	case "category":
		s.source.category, err = document.One(key, value)
	case "service":
		s.source.service, err = document.One(key, value)
	case "rule_conditions":
		err = s.eachCondition(value, s.addRuleCondition)
	case "field_name_conditions":
		err = s.eachCondition(value, s.addFieldCondition)
	case "rule_cond_op":
		if s.either = value.Text == "or"; !s.either && value.Text != "and" {
			err = document.At(value, "rule_cond_op is and or or")
		}
	case "rule_cond_not":
		s.negated, err = document.Bool(key, value)
	default:
		err = document.At(key, "a transformation has no %q here: it has type, include, exclude, mapping, prefix, suffix, product, category, service, rule_conditions, rule_cond_op, rule_cond_not and field_name_conditions", key.Text)
	}
	return err
}

// restrict makes the step for some placeholders or fields only, or for the
// others.
func (s *step) restrict(key, n *document.Node, include bool) error {
	names, err := document.Many(key, n)
	before := s.covers
	s.covers = func(name string) bool { return before(name) && slices.Contains(names, name) == include }
	return err
}

func (s *step) setMapping(n *document.Node) error {
	s.mapping = make(map[string][]string)
	return document.EachPair(n, "mapping", func(key, value *document.Node) error {
		names, err := document.Many(key, value)
		switch {
		case err != nil:
			return err
		case len(names) == 0 || slices.Contains(names, ""):
			return document.At(value, "mapping: %s has no field to become", key.Text)
		case len(names) > maxMapped:
			return document.At(value, "mapping: %s becomes more than %d fields", key.Text, maxMapped)
		}
		s.mapping[key.Text] = names
		return nil
	})
}

// eachCondition calls f for the conditions of a list.
func (s *step) eachCondition(n *document.Node, f func(kind string, at *document.Node, rest map[string]*document.Node) error) error {
	if n.Kind != document.List {
		return document.At(n, "conditions must be a list of maps")
	}
	for _, child := range n.Items {
		rest, kind := make(map[string]*document.Node), ""
		err := document.EachPair(child, "a condition", func(key, value *document.Node) error {
			if key.Text == "type" {
				kind = value.Text
			} else {
				rest[key.Text] = value
			}
			return nil
		})
		if err == nil {
			err = f(kind, child, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addRuleCondition reads a condition on the rule: its log source, tag, taxonomy
// or whether it is a correlation.
func (s *step) addRuleCondition(kind string, n *document.Node, rest map[string]*document.Node) error {
	value := func(name string) string {
		if child := rest[name]; child != nil {
			return strings.ToLower(child.Text)
		}
		return ""
	}
	var holds func(*Rule) bool
	switch kind {
	case "logsource":
		source := logSource{value("product"), value("category"), value("service")}
		holds = func(r *Rule) bool { return !r.Correlation && source.covers(r) }
	case "tag":
		holds = func(r *Rule) bool {
			return slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.EqualFold(tag, value("tag")) })
		}
	case "taxonomy":
		holds = func(r *Rule) bool { return strings.EqualFold(r.Taxonomy, value("taxonomy")) }
	case "is_sigma_rule":
		holds = func(r *Rule) bool { return !r.Correlation }
	case "is_sigma_correlation_rule":
		holds = func(r *Rule) bool { return r.Correlation }
	default:
		return document.At(n, "rule condition %q is not supported: use logsource, tag, taxonomy, is_sigma_rule or is_sigma_correlation_rule", kind)
	}
	s.rules = append(s.rules, holds)
	return nil
}

// addFieldCondition reads a condition on the names of fields.
func (s *step) addFieldCondition(kind string, n *document.Node, rest map[string]*document.Node) error {
	names := rest["fields"]
	if kind != "include_fields" && kind != "exclude_fields" || names == nil || len(rest) > 1 {
		return document.At(n, "field condition %q is not supported: use include_fields or exclude_fields with a list of fields", kind)
	}
	return s.restrict(&document.Node{Text: "fields"}, names, kind == "include_fields")
}

// applies reports whether the step is for a rule.
func (s *step) applies(r *Rule) bool {
	if len(s.rules) == 0 {
		return !s.negated
	}
	holds := !s.either
	for _, condition := range s.rules {
		if condition(r) != holds {
			holds = !holds
			break
		}
	}
	return holds != s.negated
}
