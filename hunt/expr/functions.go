package expr

import (
	"math"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// Function is a function as the reference describes it.
type Function struct {
	Name  string
	Usage string
	Doc   string
}

// function is one that can be compiled. Arguments have been checked in number.
type function struct {
	Function
	least, most int
	compile     func(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool)
}

const manyArguments = syntax.MaxColumns

// functions are the functions of expressions. Those of the time come first,
// then those of presence, of texts, and the rest.
func functions() []function {
	return []function{
		{Function{"ago", "ago(1d)", "The moment so long before now."}, 1, 1, compileAgo},
		{Function{"now", "now()", "The moment at which the hunt began."}, 0, 0, func(c *Compiler, _ *syntax.Call, _ []Expr) (Expr, bool) {
			return constant(value.OfTime(c.Now), value.Time), true
		}},
		{Function{"bin", "bin(time, 1h)", "The value rounded down to a multiple: moments and lengths of time by a length of time, numbers by a number."}, 2, 2, compileBin},
		{Function{"exists", "exists(file.path)", "Whether there is a value."}, 1, 1, compileExists(true)},
		{Function{"isempty", "isempty(file.path)", "Whether there is none."}, 1, 1, compileExists(false)},
		{Function{"coalesce", "coalesce(login_user, user)", "The first of the values that is there; all are of one type."}, 1, manyArguments, compileCoalesce},
		{Function{"iff", "iff(condition, a, b)", "The second where the first holds, otherwise the third; both are of one type."}, 3, 3, compileIff},
		{Function{"strlen", "strlen(command_line)", "How many characters a text has."}, 1, 1, textFunction(value.Int, func(s string) value.Value { return value.OfInt(int64(utf8.RuneCountInString(s))) })},
		{Function{"tolower", "tolower(text)", "The text in lower case."}, 1, 1, textFunction(value.Text, func(s string) value.Value { return value.OfText(strings.ToLower(s)) })},
		{Function{"toupper", "toupper(text)", "The text in upper case."}, 1, 1, textFunction(value.Text, func(s string) value.Value { return value.OfText(strings.ToUpper(s)) })},
		{Function{"basename", "basename(file.path)", "The last part of a path."}, 1, 1, textFunction(value.Text, func(s string) value.Value { return value.OfText(s[strings.LastIndexByte(s, '/')+1:]) })},
		{Function{"dirname", "dirname(file.path)", "A path without its last part."}, 1, 1, textFunction(value.Text, func(s string) value.Value { return value.OfText(path.Dir(s)) })},
		{Function{"strcat", "strcat(user.name, \"@\", host)", "All values joined as one text."}, 1, manyArguments, compileStrcat},
		{Function{"extract", "extract(@\"port=(\\d+)\", 1, command_line)", "What a group of a pattern matched; 0 is the whole match."}, 3, 3, compileExtract},
		{Function{"tostring", "tostring(pid)", "The value as a text."}, 1, 1, func(_ *Compiler, _ *syntax.Call, a []Expr) (Expr, bool) {
			return Expr{Kind: value.Text, Eval: func(r *Row) value.Value { return value.OfText(a[0].Eval(r).String()) }}, true
		}},
	}
}

// Functions describes the functions of expressions.
func Functions() []Function {
	var list []Function
	for _, f := range functions() {
		list = append(list, f.Function)
	}
	return list
}

var byName = func() map[string]function {
	m := make(map[string]function)
	for _, f := range functions() {
		m[f.Name] = f
	}
	m["isnotempty"] = m["exists"]
	return m
}()

func (c *Compiler) call(e *syntax.Call) (Expr, bool) {
	f, ok := byName[strings.ToLower(e.Function.Text)]
	if !ok {
		c.noFunction(e)
		return Expr{}, false
	}
	if n := len(e.Arguments); n < f.least || n > f.most {
		c.Refuse(e.Span, "write "+f.Usage, "%s takes other arguments", f.Name)
		return Expr{}, false
	}
	args := make([]Expr, len(e.Arguments))
	for i, a := range e.Arguments {
		x, fine := c.Compile(a)
		ok, args[i] = ok && fine, x
	}
	if !ok {
		return Expr{}, false
	}
	return f.compile(c, e, args)
}

// Aggregates are the functions of summarize, which are none of expressions;
// hints know them.
var Aggregates = []string{"count", "countif", "dcount", "min", "max", "sum", "avg", "make_set"}

func (c *Compiler) noFunction(e *syntax.Call) {
	name := strings.ToLower(e.Function.Text)
	if slices.Contains(Aggregates, name) {
		c.Refuse(e.Span, "write | summarize "+name+"(…) by …", "%s is for summarize only", name)
		return
	}
	var names []string
	for _, f := range functions() {
		names = append(names, f.Name)
	}
	hint := "there are " + strings.Join(names, ", ")
	if near := spelling.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.Refuse(e.Function.Span, hint, "there is no function %q", short(e.Function.Text))
}

// wants checks the kind of an argument.
func (c *Compiler) wants(e syntax.Expr, x Expr, kind value.Kind) bool {
	if x.Kind == kind {
		return true
	}
	c.Refuse(e.Place(), c.other(kind, e, x), "this has to be %s, it is %s", of(kind), of(x.Kind))
	return false
}

func compileAgo(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
	if !c.wants(e.Arguments[0], args[0], value.Duration) {
		return Expr{}, false
	}
	now := constant(value.OfTime(c.Now), value.Time)
	return folded(Expr{Kind: value.Time, Constant: args[0].Constant, Eval: arithmetic("-", now, args[0])}), true
}

func compileExists(want bool) func(*Compiler, *syntax.Call, []Expr) (Expr, bool) {
	return func(_ *Compiler, _ *syntax.Call, args []Expr) (Expr, bool) {
		x := args[0]
		return condition(false, func(r *Row) bool { return x.Eval(r).IsAbsent() != want }), true
	}
}

// textFunction makes a function of one text, which nothing comes of where the
// text is absent.
func textFunction(kind value.Kind, compute func(string) value.Value) func(*Compiler, *syntax.Call, []Expr) (Expr, bool) {
	return func(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
		x := args[0]
		if !c.wants(e.Arguments[0], x, value.Text) {
			return Expr{}, false
		}
		return Expr{Kind: kind, Eval: func(r *Row) value.Value {
			v := x.Eval(r)
			if v.IsAbsent() {
				return v
			}
			return compute(v.Text())
		}}, true
	}
}

// same checks that arguments are of one kind.
func (c *Compiler) same(e *syntax.Call, args []Expr, from int) bool {
	for i := from + 1; i < len(args); i++ {
		if !c.wants(e.Arguments[i], args[i], args[from].Kind) {
			return false
		}
	}
	return true
}

func compileCoalesce(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
	return Expr{Kind: args[0].Kind, Eval: func(r *Row) value.Value {
		for _, x := range args {
			if v := x.Eval(r); !v.IsAbsent() {
				return v
			}
		}
		return value.Value{}
	}}, c.same(e, args, 0)
}

func compileIff(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
	if !c.wants(e.Arguments[0], args[0], value.Bool) || !c.same(e, args, 1) {
		return Expr{}, false
	}
	test := args[0].Test()
	return Expr{Kind: args[1].Kind, Eval: func(r *Row) value.Value {
		if test(r) {
			return args[1].Eval(r)
		}
		return args[2].Eval(r)
	}}, true
}

// maxText bounds what strcat makes, in bytes.
const maxText = 8 << 10

func compileStrcat(_ *Compiler, _ *syntax.Call, args []Expr) (Expr, bool) {
	return Expr{Kind: value.Text, Eval: func(r *Row) value.Value {
		var b strings.Builder
		for _, x := range args {
			s := x.Eval(r).String()
			b.WriteString(s[:min(len(s), maxText-b.Len())])
		}
		return value.OfText(b.String())
	}}, true
}

func compileExtract(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
	re, ok := c.regexp(e.Arguments[0], args[0])
	if !ok || !c.wants(e.Arguments[1], args[1], value.Int) || !c.wants(e.Arguments[2], args[2], value.Text) {
		return Expr{}, false
	}
	group := int64(-1)
	if args[1].Constant {
		group = args[1].Eval(nil).Int()
	}
	if group < 0 || group > int64(re.NumSubexp()) {
		c.Refuse(e.Arguments[1].Place(), "groups stand in round brackets and count from 1; 0 is the whole match", "the pattern has no such group")
		return Expr{}, false
	}
	return Expr{Kind: value.Text, Eval: func(r *Row) value.Value {
		s := args[2].Eval(r).Text()
		at := re.FindStringSubmatchIndex(s)
		if at == nil || at[2*group] < 0 {
			return value.Value{}
		}
		return value.OfText(s[at[2*group]:at[2*group+1]])
	}}, true
}

func compileBin(c *Compiler, e *syntax.Call, args []Expr) (Expr, bool) {
	x, step := args[0], args[1]
	want := value.Duration
	if isNumber(x.Kind) {
		want = value.Int
	} else if x.Kind != value.Time && x.Kind != value.Duration {
		c.Refuse(e.Arguments[0].Place(), "write bin(time, 1h)", "%s cannot be rounded", of(x.Kind))
		return Expr{}, false
	}
	if !c.wants(e.Arguments[1], step, want) {
		return Expr{}, false
	}
	if !step.Constant || step.Eval(nil).Int() <= 0 {
		c.Refuse(e.Arguments[1].Place(), "write bin(time, 1h)", "the step has to be written out, and more than zero")
		return Expr{}, false
	}
	width := step.Eval(nil).Int()
	return Expr{Kind: x.Kind, Eval: func(r *Row) value.Value {
		v := x.Eval(r)
		switch v.Kind() {
		case value.Time:
			return value.OfNanoseconds(Floor(v.Int(), width))
		case value.Duration:
			return value.OfDuration(time.Duration(Floor(v.Int(), width)))
		case value.Int:
			return value.OfInt(Floor(v.Int(), width))
		case value.Real:
			return value.OfReal(math.Floor(v.Real()/float64(width)) * float64(width))
		}
		return value.Value{}
	}}, true
}

// Floor returns the largest multiple of width that is not above n, or n's
// nearest where there is none in 64 bits.
func Floor(n, width int64) int64 {
	rest := n % width
	if rest < 0 {
		rest += width
	}
	if n < math.MinInt64+rest {
		return n
	}
	return n - rest
}
