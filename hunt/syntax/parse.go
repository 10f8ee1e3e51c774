package syntax

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/hunt/value"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// Bounds of a query.
const (
	MaxLength  = 16 << 10 // bytes
	MaxStages  = 32
	MaxDepth   = 64   // of brackets and operators within each other
	MaxList    = 1000 // members of a list behind in
	MaxColumns = 64   // of a stage
	MaxRows    = 1_000_000
)

// parser makes the tree. It has one token of lookahead.
type parser struct {
	lexer

	now   token
	prev  Span // of the token before
	depth int
}

// refusal carries a problem from where it is found to [Parse].
type refusal struct{ *Problem }

// Parse returns the tree of a query, or the first mistake in it.
func Parse(query string) (q *Query, problem *Problem) {
	if len(query) > MaxLength {
		return nil, At(query, Span{MaxLength, len(query)}, fmt.Sprintf("the query is longer than %d bytes", MaxLength), "")
	}
	if i := invalid(query); i >= 0 {
		return nil, At(query, Span{i, i + 1}, "the query is not valid UTF-8", `write other bytes as "\xff"`)
	}
	p := &parser{lexer: lexer{query: query}}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			q, problem = nil, r.Problem
		default:
			panic(r)
		}
	}()
	p.advance()
	return p.parse(), nil
}

// invalid returns where text stops being UTF-8, or -1.
func invalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

// refuse ends parsing with a problem.
func (p *parser) refuse(s Span, reason, hint string) { panic(refusal{At(p.query, s, reason, hint)}) }

func (p *parser) advance() token {
	was := p.now
	next, problem := p.next()
	if problem != nil {
		panic(refusal{problem})
	}
	p.prev, p.now = was.Span, next
	return was
}

// is reports whether the next token is this symbol or keyword.
func (p *parser) is(text string) bool {
	return p.now.kind == symbol && p.now.text == text || p.now.kind == word && strings.EqualFold(p.now.text, text)
}

// accept skips a symbol or keyword where it is next.
func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.advance()
	return true
}

// expect skips a symbol or keyword that has to be next.
func (p *parser) expect(text, hint string) {
	if !p.accept(text) {
		p.refuse(p.now.Span, fmt.Sprintf("%s stands where %q should", p.shown(), text), hint)
	}
}

// shown names the next token for people.
func (p *parser) shown() string {
	if p.now.kind == end {
		return "the end of the query"
	}
	return fmt.Sprintf("%q", cut(p.query[p.now.Start:p.now.End]))
}

func (p *parser) from(start int) Span { return Span{start, max(start, p.prev.End)} }

// enter bounds how deep expressions lie in each other; what it returns leaves.
func (p *parser) enter() func() {
	if p.depth++; p.depth > MaxDepth {
		p.refuse(p.now.Span, fmt.Sprintf("more than %d conditions lie within each other", MaxDepth), "use in (…) in place of many ors")
	}
	return func() { p.depth-- }
}

func (p *parser) parse() *Query {
	q := &Query{Source: p.source()}
	for p.accept("|") {
		if len(q.Stages) == MaxStages {
			p.refuse(p.prev, fmt.Sprintf("there are more than %d stages", MaxStages), "")
		}
		q.Stages = append(q.Stages, p.stage())
	}
	if p.now.kind != end {
		p.refuse(p.now.Span, p.shown()+" stands where the stage should end", p.afterStage())
	}
	return q
}

// afterStage guesses what was meant by a word behind a whole stage.
func (p *parser) afterStage() string {
	switch {
	case isStage(p.now):
		return "put a | before " + p.now.text
	case p.is("="):
		return "write == to compare"
	case p.now.kind == word:
		if name := spelling.Nearest(p.now.text, comparisons); name != "" {
			return "did you mean " + name + "?"
		}
	}
	return "join conditions with and or or, begin the next stage with |"
}

func (p *parser) source() Name {
	const hint = "begin with events, or with a class of them such as process, and put | before each stage"
	if p.now.kind != word {
		p.refuse(p.now.Span, fmt.Sprintf("%s stands where the source should", p.shown()), hint)
	}
	if isStage(p.now) {
		p.refuse(p.now.Span, fmt.Sprintf("%q is a stage, not a source", p.now.text), "begin with events | "+p.now.text)
	}
	t := p.advance()
	return Name{t.text, t.Span}
}

// stages are what can stand behind a |.
var stages = []string{"where", "filter", "search", "project", "extend", "distinct", "summarize", "sort", "order", "top", "take", "limit", "count"}

func isStage(t token) bool { return t.kind == word && slices.Contains(stages, strings.ToLower(t.text)) }

func (p *parser) stage() Stage {
	if !isStage(p.now) {
		hint := "stages are where, search, project, extend, summarize, distinct, sort, top, take and count"
		if name := spelling.Nearest(p.now.text, stages); p.now.kind == word && name != "" {
			hint = "did you mean " + name + "?"
		}
		p.refuse(p.now.Span, p.shown()+" is no stage", hint)
	}
	t := p.advance()
	switch strings.ToLower(t.text) {
	case "where", "filter":
		return p.where(t.Start)
	case "search":
		return p.search(t.Start)
	case "project":
		return p.project(t.Start)
	case "extend":
		return p.extend(t.Start)
	case "distinct":
		return p.distinct(t.Start)
	case "summarize":
		return p.summarize(t.Start)
	case "sort", "order":
		return p.sort(t.Start)
	case "top":
		return p.top(t.Start)
	case "take", "limit":
		return p.take(t.Start)
	}
	return &Count{t.Span}
}

func (p *parser) where(start int) Stage {
	cond := p.expr()
	return &Where{p.from(start), cond}
}

func (p *parser) search(start int) Stage {
	if p.now.kind != literal || p.now.is != value.Text || p.now.value.IsAbsent() {
		p.refuse(p.now.Span, p.shown()+" is not a text to search for", `write search "text"`)
	}
	t := p.advance()
	return &Search{p.from(start), t.value.Text()}
}

func (p *parser) project(start int) Stage {
	list := p.columns()
	return &Project{p.from(start), list}
}

func (p *parser) distinct(start int) Stage {
	list := p.columns()
	return &Distinct{p.from(start), list}
}

func (p *parser) extend(start int) Stage {
	list := p.columns()
	for _, c := range list {
		if c.Name.Text == "" {
			p.refuse(c.Expr.Place(), "extend needs a name for what it computes", "write extend name = expression")
		}
	}
	return &Extend{p.from(start), list}
}

func (p *parser) summarize(start int) Stage {
	s := &Summarize{}
	if !p.is("by") {
		s.Values = p.columns()
	}
	if p.accept("by") {
		s.By = p.columns()
	}
	s.Span = p.from(start)
	return s
}

// columns reads expressions with or without names, parted by commas.
func (p *parser) columns() []Column {
	var list []Column
	for {
		if len(list) == MaxColumns {
			p.refuse(p.now.Span, fmt.Sprintf("there are more than %d columns", MaxColumns), "")
		}
		list = append(list, p.column())
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) column() Column {
	e := p.expr()
	if ref, ok := e.(*Ref); ok && p.accept("=") {
		return Column{ref.Name, p.expr()}
	}
	return Column{Expr: e}
}

func (p *parser) sort(start int) Stage {
	p.expect("by", "write sort by column desc")
	keys := p.keys()
	return &Sort{p.from(start), keys, -1}
}

func (p *parser) top(start int) Stage {
	n := p.rows()
	p.expect("by", "write top 10 by column desc")
	keys := p.keys()
	return &Sort{p.from(start), keys, n}
}

func (p *parser) take(start int) Stage {
	n := p.rows()
	return &Take{p.from(start), n}
}

func (p *parser) rows() int {
	if p.now.kind != literal || p.now.is != value.Int || p.now.value.Int() < 0 || p.now.value.Int() > MaxRows {
		p.refuse(p.now.Span, fmt.Sprintf("%s is not a number of rows, 0 to %d", p.shown(), MaxRows), "write take 50")
	}
	return int(p.advance().value.Int())
}

func (p *parser) keys() []Key {
	var keys []Key
	for {
		if len(keys) == MaxColumns {
			p.refuse(p.now.Span, fmt.Sprintf("there are more than %d columns", MaxColumns), "")
		}
		k := Key{Expr: p.expr(), Descending: true}
		if p.accept("asc") {
			k.Descending = false
		} else {
			p.accept("desc")
		}
		keys = append(keys, k)
		if !p.accept(",") {
			return keys
		}
	}
}
