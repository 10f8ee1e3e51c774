package hunting

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/hunt"
	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
)

// Export returns what writes the rows of a query to w, and says at the end why
// they are not all, or "". It counts as a hunt of the user until that is done,
// or ctx ends.
func (e *Engine) Export(ctx context.Context, by string, r api.HuntExport) (func(ctx context.Context, w io.Writer) (stopped string, err error), error) {
	if r.Format != "csv" && r.Format != "ndjson" {
		return nil, fmt.Errorf("%w: there is no format %q", account.ErrInvalid, r.Format)
	}
	leave, err := e.enter(by)
	if err != nil {
		return nil, err
	}
	const memory = 128 << 20
	q, err := e.ask(ctx, r.Query, r.Since, r.Until, hunt.Options{Limit: syntax.MaxRows, Memory: memory, Unordered: true})
	if err != nil {
		leave()
		return nil, err
	}
	context.AfterFunc(ctx, leave)
	return func(ctx context.Context, w io.Writer) (string, error) {
		defer leave()
		return e.export(ctx, q, r.Format, w)
	}, nil
}

func (e *Engine) export(ctx context.Context, q question, format string, w io.Writer) (string, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	file := newFile(out, format, q.query.Columns())
	if err := file.head(); err != nil {
		return "", err
	}
	run := q.query.Start(file.row, nil)
	stopped, err := e.run(ctx, q, run, true, e.ExportWork)
	if err != nil {
		return "", err
	}
	result, err := run.Finish()
	if err != nil {
		return "", err
	}
	if err := file.flush(); err != nil {
		return "", err
	}
	if result.More {
		stopped = firstOf(stopped, fmt.Sprintf("there are more than %d rows", syntax.MaxRows))
	}
	return firstOf(stopped, result.Stopped), out.Flush()
}

// file writes rows in a format.
type file struct {
	out   *bufio.Writer
	names []string
	keys  [][]byte    // of JSON: {"name": or ,"name":
	csv   *csv.Writer // nil for JSON lines
	cells []string
}

func newFile(out *bufio.Writer, format string, columns []hunt.Column) *file {
	f := &file{out: out}
	if format == "csv" {
		f.csv = csv.NewWriter(out)
	}
	for i, c := range columns {
		f.names = append(f.names, c.Name)
		key, _ := json.Marshal(c.Name) // a text always can
		open := map[bool]string{true: "{", false: ","}[i == 0]
		f.keys = append(f.keys, []byte(open+string(key)+":"))
	}
	return f
}

func (f *file) head() error {
	if f.csv == nil {
		return nil
	}
	return f.csv.Write(f.names)
}

func (f *file) row(r hunt.Row) error {
	if f.csv != nil {
		f.cells = f.cells[:0]
		for _, v := range r.Values {
			f.cells = append(f.cells, cell(v))
		}
		return f.csv.Write(f.cells)
	}
	for i, v := range r.Values {
		text, err := json.Marshal(v.JSON())
		if err != nil {
			return err
		}
		_, _ = f.out.Write(f.keys[i]) // the writer keeps its first error
		_, _ = f.out.Write(text)
	}
	_, err := f.out.WriteString("}\n")
	return err
}

func (f *file) flush() error {
	if f.csv == nil {
		return nil
	}
	f.csv.Flush()
	return f.csv.Error()
}

// cell returns a value as a spreadsheet may have it: what it would take for a
// formula begins with an apostrophe (OWASP, CSV injection).
func cell(v value.Value) string {
	text := strings.ToValidUTF8(v.String(), "\uFFFD")
	if v.Kind() != value.Text && v.Kind() != value.List || text == "" {
		return text
	}
	if strings.ContainsRune("=+-@\t\r\n|%", rune(text[0])) {
		return "'" + text
	}
	return text
}
