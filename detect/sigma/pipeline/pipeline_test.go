package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/sigma/pipeline"
)

func parse(t *testing.T, texts ...string) []*pipeline.Pipeline {
	t.Helper()
	var list []*pipeline.Pipeline
	for i, text := range texts {
		p, err := pipeline.Parse(fmt.Sprintf("p%d.yml", i), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func steps(lines string) string {
	return "transformations:\n" + lines
}

func windows() *pipeline.Rule {
	return &pipeline.Rule{Product: "windows", Category: "process_creation", Tags: []string{"attack.t1059"}}
}

func TestFields(t *testing.T) {
	mapping := "- type: field_name_mapping\n  mapping: {A: [b, c], D: e}\n"
	for _, c := range []struct{ name, steps, field, want string }{
		{"mapped", mapping, "D", "[e]"},
		{"to several", mapping, "A", "[b c]"},
		{"not mentioned", mapping, "X", "[X]"},
		{"keywords stay", "- {type: field_name_prefix, prefix: p.}", "", "[]"},
		{"prefix after mapping", mapping + "- {type: field_name_prefix, prefix: p.}", "A", "[p.b p.c]"},
		{"suffix", "- {type: field_name_suffix, suffix: .s}", "A", "[A.s]"},
		{"only some", "- {type: field_name_suffix, suffix: .s, field_name_conditions: [{type: include_fields, fields: [A]}]}", "B", "[B]"},
		{"all but some", "- {type: field_name_suffix, suffix: .s, field_name_conditions: [{type: exclude_fields, fields: [A]}]}", "B", "[B.s]"},
		{"for the log source", mapping + "  rule_conditions: [{type: logsource, product: Windows}]", "D", "[e]"},
		{"for another log source", mapping + "  rule_conditions: [{type: logsource, product: linux}]", "D", "[D]"},
		{"not for another", mapping + "  rule_cond_not: true\n  rule_conditions: [{type: logsource, product: linux}]", "D", "[e]"},
		{"all conditions", mapping + "  rule_conditions: [{type: logsource, product: windows}, {type: tag, tag: x}]", "D", "[D]"},
		{"one condition", mapping + "  rule_cond_op: or\n  rule_conditions: [{type: logsource, product: linux}, {type: tag, tag: attack.T1059}]", "D", "[e]"},
		{"for correlations", mapping + "  rule_conditions: [{type: is_sigma_correlation_rule}]", "D", "[D]"},
		{"for rules", mapping + "  rule_conditions: [{type: is_sigma_rule}]", "D", "[e]"},
		{"for a taxonomy", mapping + "  rule_conditions: [{type: taxonomy, taxonomy: ecs}]", "D", "[D]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			names, err := pipeline.Run(parse(t, steps(c.steps)), windows()).Fields(c.field)
			if got := fmt.Sprint(names); err != nil || got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestLogSources(t *testing.T) {
	change := "- type: change_logsource\n  service: Sysmon\n  product: windows\n"
	after := "- type: field_name_prefix\n  prefix: p.\n  rule_conditions: [{type: logsource, service: sysmon}]\n"
	r := windows()
	given := pipeline.Run(parse(t, steps(change+after)), r)
	if name, err := given.Field("A"); err != nil || name != "p.A" || r.Service != "sysmon" || r.Category != "" {
		t.Errorf("got %q, %v for %+v", name, err, r)
	}
	r = &pipeline.Rule{Correlation: true}
	if pipeline.Run(parse(t, steps(change)), r); r.Service != "" {
		t.Errorf("a correlation got a log source: %+v", r)
	}
}

func TestPriorities(t *testing.T) {
	late := "priority: 20\n" + steps("- {type: field_name_prefix, prefix: late.}")
	early := "priority: 10\n" + steps("- {type: field_name_prefix, prefix: early.}")
	if name, _ := pipeline.Run(parse(t, late, early), windows()).Field("A"); name != "late.early.A" {
		t.Errorf("got %q", name)
	}
}

func TestExpand(t *testing.T) {
	vars := "vars: {one: x, two: [y*, 7]}\n"
	for _, c := range []struct{ name, pipeline, text, want string }{
		{"a list", vars, "%two%", "[y* 7]"},
		{"several", vars, "a%one%b%two%c", "[axby*c axb7c]"},
		{"none", vars, "plain", "[plain]"},
		{"escaped", vars, `100\% of %one%`, "[100% of x]"},
		{"wildcard", steps("- type: wildcard_placeholders"), "a%any%", "[a*]"},
		{"values before wildcards", vars + steps("- type: value_placeholders\n- type: wildcard_placeholders"), "%one%%three%", "[x*]"},
		{"only some", vars + steps("- {type: value_placeholders, include: [one]}"), "%two%", `placeholder %two% has no values: give it some in a file pipeline.yml in the directory of the rules, for example vars: {two: [one, two]}`},
		{"unknown", vars, "%three%", "placeholder %three% has no values"},
		{"open", vars, "50%", "begins no placeholder"},
		{"empty name", vars, "%%", "begins no placeholder"},
		{"too many", "vars: {n: [" + strings.Repeat("1,", 300) + "1]}", "%n%%n%", "more than 50000 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts, err := pipeline.Run(parse(t, c.pipeline), windows()).Expand(c.text)
			got := fmt.Sprint(texts)
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestNothingIsSaid(t *testing.T) {
	var none *pipeline.Adaptation
	name, err := none.Field("A")
	if name != "A" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := none.Expand("%x%"); err == nil {
		t.Error("a placeholder without pipelines has values")
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"title: x", `p.yml:1: a pipeline has no "title" here`},
		{"vars: [x]", "p.yml:1: vars must be a map"},
		{"vars:\n  a: []", "p.yml:2: vars: a has no value"},
		{"priority: high", `p.yml:1: priority "high" is not a whole number`},
		{"transformations: x", "p.yml:1: transformations must be a list"},
		{steps("- {id: x}"), "p.yml:2: the transformation has no type: use one of value_placeholders,"},
		{steps("- {type: query_expression_placeholders}"), `p.yml:2: transformation "query_expression_placeholders" is not supported: use one of`},
		{steps("- {type: field_name_mapping}"), "mapping belongs to field_name_mapping, which needs one"},
		{steps("- {type: field_name_prefix}"), "which need one"},
		{steps("- {type: change_logsource}"), "which needs at least one"},
		{steps("- {type: field_name_mapping, mapping: {a: []}}"), "a has no field to become"},
		{steps("- {type: value_placeholders, rule_conditions: [{type: match}]}"), `rule condition "match" is not supported`},
		{steps("- {type: value_placeholders, field_name_conditions: [{type: x}]}"), `field condition "x" is not supported`},
		{steps("- {type: value_placeholders, rule_cond_op: xor}"), "rule_cond_op is and or or"},
		{steps("- {type: value_placeholders, rule_cond_not: maybe}"), "rule_cond_not is true or false"},
		{steps("- {type: value_placeholders, when: now}"), `a transformation has no "when" here`},
		{"vars: {a: b}\n---\nvars: {a: b}", "p.yml:3: a pipeline is one document"},
	} {
		if _, err := pipeline.Parse("p.yml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v does not say %q", c.text, err, c.want)
		}
	}
}

// TestRules reads rules through a pipeline.
func TestRules(t *testing.T) {
	given := parse(t, "vars: {hosts: ['10.0.0.0/8', 192.0.2.1]}\n"+steps("- type: field_name_mapping\n  mapping: {A: [a1, a2], B: b, U: [u1, u2]}"))
	head := "title: t\nlogsource: {product: linux}\n"
	for _, c := range []struct{ name, text, want string }{
		{"alternatives", head + "detection: {s: {A: x, B: y}, condition: s}", "[[a1 b] [a2 b]]"},
		{"both where negated", head + "detection: {s: {A|neq: x, B: y}, condition: s}", "[[a1 a2 b]]"},
		{"networks", head + "detection: {s: {B|cidr|expand: '%hosts%'}, condition: s}", "[[b b]]"},
		{"reference", head + "detection: {s: {B|fieldref: B}, condition: s}", "[[b=b]]"},
		{"reference to several", head + "detection: {s: {B|fieldref: U}, condition: s}", "B|fieldref: the pipelines make several fields of \"U\" (u1, u2)"},
		{"group-by", "title: t\ncorrelation: {type: value_count, rules: [x], timespan: 1m, group-by: [B], condition: {field: B, gte: 2}}", "[b] [b]"},
		{"group-by of several", "title: t\ncorrelation: {type: event_count, rules: [x], timespan: 1m, group-by: [U], condition: {gte: 2}}", "the pipelines make several fields"},
		{"aliases", "title: t\ncorrelation: {type: value_count, rules: [x], timespan: 1m, group-by: [U], aliases: {U: {x: B}}, condition: {field: C, gte: 2}}", "[U] [C]"},
		{"too many", head + "detection: {s: {A: 1, U: 1, A|contains: 1, U|contains: 1, A|endswith: 1, U|endswith: 1, A|startswith: 1, U|startswith: 1, A|cased: 1}, condition: s}", "more than 256 alternatives"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := sigma.Parse("r.yml", []byte(c.text), given...)
			got := fmt.Sprint(err)
			if err == nil {
				got = fieldsOf(rules[0])
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// fieldsOf writes the fields of a rule's only selection, once for each value,
// or those of a correlation.
func fieldsOf(r *sigma.Rule) string {
	if c := r.Correlation; c != nil {
		return fmt.Sprint(c.GroupBy, " ", c.Fields)
	}
	var groups [][]string
	for _, group := range r.Detection.Selections[0].Groups {
		var names []string
		for _, item := range group {
			for _, v := range item.Values {
				name := item.Field
				if item.Op == sigma.OpFieldRef {
					name += "=" + v.Text
				}
				names = append(names, name)
			}
		}
		groups = append(groups, names)
	}
	return fmt.Sprint(groups)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\npriority: 3\nvars: {a: [b, c]}\n"+steps("- {type: value_placeholders, include: [a]}\n- {type: field_name_mapping, mapping: {A: [b, c]}, rule_conditions: [{type: logsource, product: windows}]}")), "x%a%", "A")
	f.Add([]byte(steps("- {type: field_name_prefix, prefix: '%', rule_cond_not: true}\n- {type: wildcard_placeholders}\n- {type: change_logsource, product: x}")), `\%%a%`, "B")
	f.Fuzz(func(t *testing.T, data []byte, text, field string) {
		p, err := pipeline.Parse("p.yml", data)
		if err != nil {
			return
		}
		given := pipeline.Run([]*pipeline.Pipeline{p, p}, windows())
		given.Expand(text)
		if names, err := given.Fields(field); err == nil && len(names) == 0 {
			t.Errorf("%q becomes nothing", field)
		}
	})
}
