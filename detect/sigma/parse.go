package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/finding"
)

// Bounds of a rule file.
const (
	MaxFileBytes = 1 << 20 // of one file given to Parse
	maxDocuments = 1000
	maxDepth     = 32
	maxNodes     = 200_000
)

// Parse reads the rules of one file; path is only for messages. A document
// that is wrong does not spoil the others: the rules that are right are
// returned together with an error that joins one [*Error] for each that is not.
func Parse(path string, data []byte) ([]*Rule, error) {
	if len(data) > MaxFileBytes {
		return nil, &Error{Path: path, Reason: fmt.Sprintf("the file is larger than %d bytes: split it", MaxFileBytes)}
	}
	docs, err := documents(path, data)
	errs := []error{err}
	var rules []*Rule
	for _, doc := range docs {
		rule, err := parseRule(path, doc)
		if err != nil {
			errs = append(errs, inFile(path, doc.Line, err))
			continue
		}
		rules = append(rules, rule)
	}
	return rules, errors.Join(errs...)
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

// documents splits a file into its YAML documents.
func documents(path string, data []byte) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*yaml.Node
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return docs, yamlError(path, err)
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue // nothing but comments
		}
		if len(docs) == maxDocuments {
			return docs, &Error{Path: path, Line: doc.Line, Reason: fmt.Sprintf("the file has more than %d documents: split it", maxDocuments)}
		}
		budget := maxNodes
		if err := checkTree(doc.Content[0], maxDepth, &budget); err != nil {
			return docs, inFile(path, doc.Line, err)
		}
		docs = append(docs, doc.Content[0])
	}
	if len(docs) == 0 {
		return nil, &Error{Path: path, Reason: "the file holds no rule"}
	}
	return docs, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// yamlError gives an error of the decoder our form.
func yamlError(path string, err error) error {
	e := &Error{Path: path, Reason: "not YAML: " + err.Error()}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &e.Line) // stays 0 when the decoder names no line
		e.Reason = "not YAML: " + m[2]
	}
	return e
}

// checkTree refuses what no rule needs and what could cost too much: aliases,
// merge keys, duplicate keys, deep nesting and huge documents.
func checkTree(n *yaml.Node, depth int, budget *int) error {
	*budget--
	switch {
	case *budget < 0:
		return at(n, "the document has more than %d values: split it", maxNodes)
	case depth == 0:
		return at(n, "the document is nested deeper than %d levels", maxDepth)
	case n.Kind == yaml.AliasNode:
		return at(n, "YAML aliases (*%s) are not allowed in rules: write the value out", n.Value)
	case n.Kind == yaml.MappingNode:
		if err := checkKeys(n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := checkTree(child, depth-1, budget); err != nil {
			return err
		}
	}
	return nil
}

func checkKeys(n *yaml.Node) error {
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return at(key, "a key must be plain text")
		}
		if key.Tag == "!!merge" {
			return at(key, "YAML merge keys (<<) are not allowed in rules: write the values out")
		}
		if seen[key.Value] {
			return at(key, "the key %q is there twice: join the two, as a list of values for example", key.Value)
		}
		seen[key.Value] = true
	}
	return nil
}

// lineError is an error at a line of the file being parsed.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

func at(n *yaml.Node, format string, args ...any) error {
	return &lineError{n.Line, fmt.Sprintf(format, args...)}
}

// inFile completes an error with the path, and with a line where it has none.
func inFile(path string, line int, err error) *Error {
	var le *lineError
	if errors.As(err, &le) {
		line = le.line
	}
	return &Error{Path: path, Line: line, Reason: err.Error()}
}

// eachPair calls f for the keys of a map in order, up to the first error.
func eachPair(n *yaml.Node, what string, f func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return at(n, "%s must be a map of names to values", what)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := f(n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// text reads a scalar, or a list of them joined by commas where old rules have
// one.
func text(key, n *yaml.Node) (string, error) {
	if n.Kind == yaml.ScalarNode {
		if n.Tag == "!!null" {
			return "", nil
		}
		return n.Value, nil
	}
	list, err := texts(key, n)
	return strings.Join(list, ", "), err
}

// texts reads a list of scalars, or a single one.
func texts(key, n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.ScalarNode {
		if n.Tag == "!!null" {
			return nil, nil
		}
		return []string{n.Value}, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, at(n, "%s must be text or a list of texts", key.Value)
	}
	list := make([]string, 0, len(n.Content))
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return nil, at(c, "%s must be a list of plain texts", key.Value)
		}
		list = append(list, c.Value)
	}
	return list, nil
}

// parseRule reads one document.
func parseRule(path string, doc *yaml.Node) (*Rule, error) {
	r := &Rule{Path: path, Line: doc.Line}
	if doc.Kind != yaml.MappingNode {
		return nil, at(doc, "a rule must be a map that begins with title:")
	}
	err := eachPair(doc, "a rule", func(key, value *yaml.Node) error { return r.set(key, value) })
	if err != nil {
		return nil, err
	}
	return r, r.check(doc)
}

// set reads one key of a rule. Keys that only inform, such as references of
// other tools, are skipped.
func (r *Rule) set(key, value *yaml.Node) (err error) {
	if dst, ok := r.textField(key.Value); ok {
		*dst, err = text(key, value)
		return err
	}
	switch key.Value {
	case "references":
		r.References, err = texts(key, value)
	case "falsepositives":
		r.FalsePositives, err = texts(key, value)
	case "tags":
		r.Tags, err = texts(key, value)
	case "fields":
		r.Fields, err = texts(key, value)
	case "level":
		err = r.setLevel(value)
	case "logsource":
		r.LogSource, err = parseLogSource(value)
	case "detection":
		r.Detection, err = parseDetection(value)
	case "correlation":
		r.Correlation, err = parseCorrelation(value)
	case "holdfast":
		r.Holdfast, err = parseHoldfast(value)
	case "action":
		err = at(key, "collections with action: are Sigma 1: write every rule out as a document of its own")
	case "filter":
		err = at(key, "filter documents are not supported: add the exclusion to the rule as a selection with not")
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
	}
	return nil, false
}

func (r *Rule) setLevel(n *yaml.Node) error {
	switch level := Level(n.Value); level {
	case LevelInformational, LevelLow, LevelMedium, LevelHigh, LevelCritical:
		r.Level = level
		return nil
	}
	return at(n, "level %q is not one of informational, low, medium, high, critical", n.Value)
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// check refuses documents that lack what every rule needs.
func (r *Rule) check(doc *yaml.Node) error {
	r.Description = strings.TrimSpace(r.Description)
	switch {
	case r.Title == "":
		return at(doc, "the rule has no title: add title:")
	case r.Detection == nil && r.Correlation == nil:
		return at(doc, "the rule has neither a detection nor a correlation")
	case r.Detection != nil && r.Correlation != nil:
		return at(doc, "a document holds a detection or a correlation, not both: separate them by ---")
	case r.Detection != nil && r.LogSource == LogSource{}:
		return at(doc, "the rule has no logsource: add product, category or service")
	case r.ID != "" && !uuid.MatchString(r.ID):
		return at(doc, "id %q is not a UUID such as 7e4bfe58-4a47-4709-828d-d86c78b7cc1f", r.ID)
	}
	return nil
}

func parseLogSource(n *yaml.Node) (LogSource, error) {
	var l LogSource
	err := eachPair(n, "logsource", func(key, value *yaml.Node) error {
		s, err := text(key, value)
		switch s = strings.ToLower(s); key.Value {
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

func parseHoldfast(n *yaml.Node) (Holdfast, error) {
	var h Holdfast
	err := eachPair(n, "holdfast", func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case "alert_type":
			h.AlertType = finding.AlertType(value.Value)
		case "story":
			h.Story, err = text(key, value)
		case "remediation":
			h.Remediation, err = texts(key, value)
		default:
			err = at(key, "holdfast has no %q: it has alert_type, story and remediation", key.Value)
		}
		return err
	})
	return h, err
}

// parseDetection reads the selections first, for the condition names them.
func parseDetection(n *yaml.Node) (*Detection, error) {
	d := &Detection{}
	var condition *yaml.Node
	var names []string
	err := eachPair(n, "detection", func(key, value *yaml.Node) error {
		switch key.Value {
		case "condition":
			condition = value
			return nil
		case "timeframe":
			return at(key, "timeframe is Sigma 1: write a document with a correlation and its timespan instead")
		}
		groups, err := parseSelection(key, value)
		d.Selections = append(d.Selections, Selection{Name: key.Value, Line: key.Line, Groups: groups})
		names = append(names, key.Value)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case condition == nil:
		return nil, at(n, "the detection has no condition: add one, for example condition: selection")
	case len(d.Selections) == 0:
		return nil, at(n, "the detection has no selection beside its condition")
	}
	return d, d.setCondition(condition, names)
}

// setCondition reads a condition; of a list, one must hold.
func (d *Detection) setCondition(n *yaml.Node, names []string) error {
	conditions := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		conditions = n.Content
	}
	var alternatives Or
	var written []string
	for _, c := range conditions {
		if c.Kind != yaml.ScalarNode {
			return at(c, "a condition must be text")
		}
		expr, err := parseCondition(c.Value, names)
		if err != nil {
			return at(c, "%v", err)
		}
		alternatives, written = append(alternatives, expr), append(written, c.Value)
	}
	d.Text = strings.Join(written, " or ")
	if d.Condition = alternatives; len(alternatives) == 1 {
		d.Condition = alternatives[0]
	}
	return nil
}

// parseSelection reads a map, a list of maps, keywords, or a mixture.
func parseSelection(key, n *yaml.Node) ([]Group, error) {
	switch n.Kind {
	case yaml.MappingNode:
		group, err := parseGroup(n)
		return []Group{group}, err
	case yaml.ScalarNode:
		return parseKeywords(key, n, []*yaml.Node{n})
	case yaml.SequenceNode:
		return parseAlternatives(key, n)
	}
	return nil, at(n, "selection %q must be a map, a list of maps or a list of keywords", key.Value)
}

func parseGroup(n *yaml.Node) (Group, error) {
	var group Group
	err := eachPair(n, "a selection", func(key, value *yaml.Node) error {
		item, err := parseItem(key, value)
		group = append(group, splitVariants(item)...)
		return err
	})
	if err == nil && len(group) == 0 {
		err = at(n, "the selection is empty: every event would match")
	}
	return group, err
}

// parseAlternatives reads a list: every map is one alternative, the plain
// texts together are another.
func parseAlternatives(key, n *yaml.Node) ([]Group, error) {
	var groups []Group
	var keywords []*yaml.Node
	for _, c := range n.Content {
		switch c.Kind {
		case yaml.MappingNode:
			group, err := parseGroup(c)
			if err != nil {
				return nil, err
			}
			groups = append(groups, group)
		case yaml.ScalarNode:
			keywords = append(keywords, c)
		default:
			return nil, at(c, "selection %q must be a list of maps or of keywords, not of lists", key.Value)
		}
	}
	if len(keywords) > 0 {
		more, err := parseKeywords(key, n, keywords)
		if err != nil {
			return nil, err
		}
		groups = append(groups, more...)
	}
	if len(groups) == 0 {
		return nil, at(n, "selection %q is an empty list", key.Value)
	}
	return groups, nil
}

func parseKeywords(key, n *yaml.Node, words []*yaml.Node) ([]Group, error) {
	for _, w := range words {
		if w.Tag == "!!null" || w.Value == "" {
			return nil, at(w, "selection %q has an empty keyword, which every event contains", key.Value)
		}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: words}
	item, err := parseItem(&yaml.Node{Kind: yaml.ScalarNode, Line: n.Line}, list)
	return []Group{{item}}, err
}
