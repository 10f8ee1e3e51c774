package main

import (
	"fmt"
	"strings"
)

// maker is one method of the client in the making.
type maker struct {
	*generator
	op     operation
	name   string
	answer answer

	arguments []string // of the method, after the context
	path      string   // a Go expression
	query     []parameter
	version   bool // takes an If-Match
	bodyType  string
	lastID    bool // takes a Last-Event-ID
}

// parameters sorts the parameters by where they go.
func (m *maker) parameters(path string) error {
	m.path = fmt.Sprintf("%q", pathParameter.ReplaceAllString(path, "\x00$1\x00"))
	for _, p := range m.op.Parameters {
		switch {
		case p.In == "path":
			m.arguments = append(m.arguments, p.Name+" string")
			m.path = strings.ReplaceAll(m.path, `\x00`+p.Name+`\x00`, `" + url.PathEscape(`+p.Name+`) + "`)
		case p.In == "query":
			m.query = append(m.query, p)
		case p.Name == "If-Match":
			m.version = true
		case p.Name == "Last-Event-ID":
			m.lastID = true
		default:
			return fmt.Errorf("parameter %s in %s: not known how to send it", p.Name, p.In)
		}
	}
	m.path = strings.TrimSuffix(m.path, ` + ""`)
	return nil
}

func (m *maker) body() error {
	if m.op.Body == nil {
		return nil
	}
	t, err := m.goType(m.op.Body.Content["application/json"].Schema)
	m.bodyType = t
	return err
}

func (m *maker) write(method string) {
	if len(m.query) > 0 {
		m.writeQuery()
		m.arguments = append(m.arguments, "query "+m.name+"Query")
	}
	if m.version {
		m.arguments = append(m.arguments, "ifMatch string")
	}
	if m.lastID {
		m.arguments = append(m.arguments, "after string")
	}
	if m.bodyType != "" {
		m.arguments = append(m.arguments, "body "+m.bodyType)
	}
	m.writeComment()
	arguments := strings.Join(append([]string{"ctx context.Context"}, m.arguments...), ", ")
	fmt.Fprintf(&m.out, "func (c *Client) %s(%s) %s {\n", m.name, arguments, m.results())
	fmt.Fprintf(&m.out, "call := call{method: %q, path: %s%s}\n", method, m.path, m.fields())
	m.writeCall()
	m.out.WriteString("}\n")
}

func (m *maker) results() string {
	switch {
	case m.answer.streamed && m.lastID:
		return "(*Changes, error)"
	case m.answer.streamed:
		m.used["io"] = true
		return "(io.ReadCloser, error)"
	case m.answer.goType == "":
		return "error"
	case m.answer.versioned:
		return "(answer " + m.answer.goType + ", etag string, err error)"
	}
	return "(answer " + m.answer.goType + ", err error)"
}

// fields returns the further fields of the call.
func (m *maker) fields() string {
	var fields string
	if len(m.query) > 0 {
		fields += ", query: query.values()"
	}
	if m.version {
		fields += ", ifMatch: ifMatch"
	}
	if m.lastID {
		fields += ", lastID: after"
	}
	if m.bodyType != "" {
		fields += ", body: body"
	}
	return fields
}

func (m *maker) writeCall() {
	switch {
	case m.answer.streamed && m.lastID:
		m.out.WriteString("return c.follow(ctx, call)\n")
	case m.answer.streamed:
		m.out.WriteString("return c.stream(ctx, call)\n")
	case m.answer.goType == "":
		m.out.WriteString("_, err := c.do(ctx, call, nil)\nreturn err\n")
	case m.answer.versioned:
		m.out.WriteString("etag, err = c.do(ctx, call, &answer)\nreturn answer, etag, err\n")
	default:
		m.out.WriteString("_, err = c.do(ctx, call, &answer)\nreturn answer, err\n")
	}
}

// writeComment says what the operation does, as the document says it.
func (m *maker) writeComment() {
	text := m.name + " is " + m.op.ID + ": " + strings.TrimSuffix(m.op.Summary, ".") + "."
	if m.op.Description != "" {
		text += " " + m.op.Description
	}
	if m.op.Role == "none" {
		text += " It needs no credential."
	} else {
		text += " It needs the role " + m.op.Role + "."
	}
	m.out.WriteByte('\n')
	m.comment(text)
}

// comment writes text as a comment of lines that are easy to read.
func (m *maker) comment(text string) {
	line := "//"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 90 {
			m.out.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	m.out.WriteString(line + "\n")
}

// writeQuery writes the type that holds the query.
func (m *maker) writeQuery() {
	fmt.Fprintf(&m.out, "\n// %sQuery is the query of [Client.%s]; zero values are left out.\ntype %sQuery struct {\n", m.name, m.name, m.name)
	for _, p := range m.query {
		t, err := m.goType(p.Schema)
		if err != nil {
			t = "string"
		}
		fmt.Fprintf(&m.out, "%s %s // %s\n", exported(p.Name), t, p.Description)
	}
	fmt.Fprintf(&m.out, "}\n\nfunc (q %sQuery) values() url.Values {\nv := make(url.Values)\n", m.name)
	for _, p := range m.query {
		fmt.Fprintf(&m.out, "add(v, %q, q.%s)\n", p.Name, exported(p.Name))
	}
	m.out.WriteString("return v\n}\n")
}
