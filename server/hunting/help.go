package hunting

import (
	"slices"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/hunt"
	"github.com/holdfast-security/holdfast/hunt/expr"
	"github.com/holdfast-security/holdfast/hunt/field"
)

// Check returns the mistakes in a query, or the columns of its answer.
func (e *Engine) Check(query string) api.HuntProblems {
	checked := api.HuntProblems{Problems: []api.HuntProblem{}, Columns: []api.HuntColumn{}}
	q, problems := hunt.Compile(query, hunt.Options{Now: e.Now()})
	for _, p := range problems {
		checked.Problems = append(checked.Problems, api.HuntProblem{Line: p.Line, Column: p.Column, Length: p.Length, Reason: p.Reason, Hint: p.Hint})
	}
	if q != nil {
		checked.Columns = columns(q)
	}
	return checked
}

// Fields returns what queries are made of.
func (e *Engine) Fields() api.HuntFields {
	all := api.HuntFields{Items: []api.HuntField{}}
	for _, f := range field.All() {
		all.Items = append(all.Items, api.HuntField{
			Name: f.Name, Aliases: append([]string{}, f.Aliases...), Type: f.Kind.String(), Classes: sources(f.Classes), Doc: f.Doc,
		})
	}
	for _, s := range hunt.Sources() {
		all.Sources = append(all.Sources, api.HuntWord{Name: s.Name, Doc: s.Doc})
	}
	for _, s := range hunt.Stages() {
		all.Operators = append(all.Operators, api.HuntWord{Name: s.Name, Doc: s.Doc})
	}
	add := func(list []expr.Function, aggregate bool) {
		for _, f := range list {
			all.Functions = append(all.Functions, api.HuntFunction{Name: f.Name, Usage: f.Usage, Aggregate: aggregate, Doc: f.Doc})
		}
	}
	add(expr.Functions(), false)
	add(hunt.Aggregates(), true)
	return all
}

// sources names classes as queries do.
func sources(classes []event.Class) []string {
	names := []string{}
	for _, s := range hunt.Sources() {
		if len(s.Classes) == 1 && slices.Contains(classes, s.Classes[0]) {
			names = append(names, s.Name)
		}
	}
	return names
}
