package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/holdfast-security/holdfast/detect/sigma/document"
	"github.com/holdfast-security/holdfast/detect/sigma/pipeline"
	"github.com/holdfast-security/holdfast/finding"
)

// MaxFileBytes is how large a file given to [Parse] may be.
const MaxFileBytes = document.MaxBytes

// Parse reads the rules of one file; path is only for messages. A document
// that is wrong does not spoil the others: the rules that are right are
// returned together with an error that joins one [*Error] for each that is not.
// Pipelines adapt the rules as they are read.
func Parse(path string, data []byte, pipelines ...*pipeline.Pipeline) ([]*Rule, error) {
	docs, err := document.Split(path, data)
	errs := []error{err}
	var rules []*Rule
	file := reading{budget: maxCost}
	for _, doc := range docs {
		rule, err := parseRule(path, doc, &file, pipelines)
		if err != nil {
			errs = append(errs, document.In(path, doc.Line, err))
			continue
		}
		rules = append(rules, rule)
	}
	return rules, errors.Join(errs...)
}

// maxCost bounds what the rules of one file become in memory: patterns, terms of
// conditions and instructions of regular expressions, each of some hundred
// bytes. A few bytes of a rule can ask for thousands.
const maxCost = 200_000

// reading is what the rules of a file share while they are read.
type reading struct {
	*pipeline.Adaptation // of the rule at hand, or nil
	budget               int
}

// pay takes the cost of something from the budget.
func (r *reading) pay(cost int) error {
	if r.budget -= cost; r.budget < 0 {
		return fmt.Errorf("the rules of the file take more than %d patterns, terms and instructions of regular expressions: split it", maxCost)
	}
	return nil
}

// Problems returns the single errors that an error of [Parse] joins.
func Problems(err error) []*Error {
	var problems []*Error
	var one *Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			problems = append(problems, Problems(e)...)
		}
	} else if errors.As(err, &one) {
		problems = append(problems, one)
	}
	return problems
}

// parseRule reads one document: first what it is about, which pipelines look
// at, and then what it looks for.
func parseRule(path string, doc *document.Node, file *reading, pipelines []*pipeline.Pipeline) (*Rule, error) {
	r := &Rule{Path: path, Line: doc.Line}
	if doc.Kind != document.Map {
		return nil, document.At(doc, "a rule must be a map that begins with title:")
	}
	err := document.EachPair(doc, "a rule", func(key, value *document.Node) error { return r.set(key, value) })
	if err != nil {
		return nil, err
	}
	file.Adaptation = r.adapt(pipelines, doc.Of("correlation") != nil)
	err = document.EachPair(doc, "a rule", func(key, value *document.Node) error { return r.setLogic(file, key, value) })
	if err != nil {
		return nil, err
	}
	return r, r.check(doc)
}

// adapt asks the pipelines how to read the rule and gives it the log source
// that they say.
func (r *Rule) adapt(pipelines []*pipeline.Pipeline, correlation bool) *pipeline.Adaptation {
	if len(pipelines) == 0 {
		return nil
	}
	rule := pipeline.Rule{
		Product: r.LogSource.Product, Category: r.LogSource.Category, Service: r.LogSource.Service,
		Tags: r.Tags, Taxonomy: r.Taxonomy, Correlation: correlation,
	}
	given := pipeline.Run(pipelines, &rule)
	r.LogSource = LogSource{rule.Product, rule.Category, rule.Service}
	return given
}

// set reads one key of a rule. Keys that only inform, such as references of
// other tools, are skipped.
func (r *Rule) set(key, value *document.Node) (err error) {
	if dst, ok := r.textField(key.Text); ok {
		*dst, err = document.One(key, value)
		return err
	}
	switch key.Text {
	case "references":
		r.References, err = document.Many(key, value)
	case "falsepositives":
		r.FalsePositives, err = document.Many(key, value)
	case "tags":
		r.Tags, err = document.Many(key, value)
	case "fields":
		r.Fields, err = document.Many(key, value)
	case "level":
		err = r.setLevel(value)
	case "logsource":
		r.LogSource, err = parseLogSource(value)
	case "holdfast":
		r.Holdfast, err = parseHoldfast(value)
	case "transformations", "vars":
		err = document.At(key, "%s belongs to a processing pipeline: name the file pipeline.yml, or let its name end in .pipeline.yml", key.Text)
	}
	return err
}

// setLogic reads one of the keys that say what matches.
func (r *Rule) setLogic(given *reading, key, value *document.Node) (err error) {
	switch key.Text {
	case "detection":
		r.Detection, err = parseDetection(given, value)
	case "correlation":
		r.Correlation, err = parseCorrelation(given, value)
	case "filter":
		r.Filter, err = parseFilter(given, value)
	}
	return err
}

func (r *Rule) textField(key string) (*string, bool) {
	switch key {
	case "title":
		return &r.Title, true
	case "id":
		return &r.ID, true
	case "name":
		return &r.Name, true
	case "status":
		return &r.Status, true
	case "description":
		return &r.Description, true
	case "author":
		return &r.Author, true
	case "license":
		return &r.License, true
	case "date":
		return &r.Date, true
	case "modified":
		return &r.Modified, true
	case "taxonomy":
		return &r.Taxonomy, true
	}
	return nil, false
}

func (r *Rule) setLevel(n *document.Node) error {
	switch level := Level(n.Text); level {
	case LevelInformational, LevelLow, LevelMedium, LevelHigh, LevelCritical:
		r.Level = level
		return nil
	}
	return document.At(n, "level %q is not one of informational, low, medium, high, critical", n.Text)
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// check refuses documents that lack what every rule needs.
func (r *Rule) check(doc *document.Node) error {
	r.Description = strings.TrimSpace(r.Description)
	kinds := 0
	for _, is := range []bool{r.Detection != nil, r.Correlation != nil, r.Filter != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case r.Title == "":
		return document.At(doc, "the rule has no title: add title:")
	case kinds == 0:
		return document.At(doc, "the rule has neither a detection nor a correlation nor a filter")
	case kinds > 1:
		return document.At(doc, "a document holds a detection, a correlation or a filter, not several: separate them by ---")
	case r.Correlation == nil && r.LogSource == LogSource{}:
		return document.At(doc, "the rule has no logsource: add product, category or service")
	case r.ID != "" && !uuid.MatchString(r.ID):
		return document.At(doc, "id %q is not a UUID such as 7e4bfe58-4a47-4709-828d-d86c78b7cc1f", r.ID)
	}
	return nil
}

func parseLogSource(n *document.Node) (LogSource, error) {
	var l LogSource
	err := document.EachPair(n, "logsource", func(key, value *document.Node) error {
		s, err := document.One(key, value)
		switch s = strings.ToLower(s); key.Text {
		case "product":
			l.Product = s
		case "category":
			l.Category = s
		case "service":
			l.Service = s
		}
		return err
	})
	return l, err
}

func parseHoldfast(n *document.Node) (Holdfast, error) {
	var h Holdfast
	err := document.EachPair(n, "holdfast", func(key, value *document.Node) (err error) {
		switch key.Text {
		case "alert_type":
			h.AlertType = finding.AlertType(value.Text)
		case "story":
			h.Story, err = document.One(key, value)
		case "remediation":
			h.Remediation, err = document.Many(key, value)
		default:
			err = document.At(key, "holdfast has no %q: it has alert_type, story and remediation", key.Text)
		}
		return err
	})
	return h, err
}

// parseDetection reads the selections first, for the condition names them.
func parseDetection(given *reading, n *document.Node) (*Detection, error) {
	d := &Detection{}
	var condition *document.Node
	var names []string
	err := document.EachPair(n, "detection", func(key, value *document.Node) error {
		switch key.Text {
		case "condition":
			condition = value
			return nil
		case "timeframe":
			return document.At(key, "timeframe is Sigma 1: write a document with a correlation and its timespan instead")
		}
		groups, err := parseSelection(given, key, value)
		d.Selections = append(d.Selections, Selection{Name: key.Text, Line: key.Line, Groups: groups})
		names = append(names, key.Text)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case condition == nil:
		return nil, document.At(n, "the detection has no condition: add one, for example condition: selection")
	case len(d.Selections) == 0:
		return nil, document.At(n, "the detection has no selection beside its condition")
	}
	return d, d.setCondition(given, condition, names)
}

// setCondition reads a condition; of a list, one must hold.
func (d *Detection) setCondition(given *reading, n *document.Node, names []string) error {
	conditions := []*document.Node{n}
	if n.Kind == document.List && len(n.Items) > 0 {
		conditions = n.Items
	}
	var alternatives Or
	var written []string
	for _, c := range conditions {
		if !c.Scalar() {
			return document.At(c, "a condition must be text")
		}
		expr, terms, err := parseCondition(c.Text, names)
		if err == nil {
			err = given.pay(terms)
		}
		if err != nil {
			return document.At(c, "%v", err)
		}
		alternatives, written = append(alternatives, expr), append(written, c.Text)
	}
	d.Text = strings.Join(written, " or ")
	if d.Condition = alternatives; len(alternatives) == 1 {
		d.Condition = alternatives[0]
	}
	return nil
}
