package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
)

// The output formats.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// defaultWidth is the width of output that no terminal shows.
const defaultWidth = 120

func (a *app) checkFormat() error {
	if a.format != formatTable && a.format != formatJSON {
		return usagef("output format %q is not one of table, json", a.format)
	}
	return nil
}

func (a *app) json() bool { return a.format == formatJSON }

// printJSON writes v as one indented document.
func (a *app) printJSON(v any) error {
	encoder := newEncoder(a.Out)
	encoder.SetIndent("", "  ")
	return written(encoder.Encode(v))
}

// print writes text to standard output.
func (a *app) print(text string) error {
	_, err := io.WriteString(a.Out, text)
	return written(err)
}

// note writes to standard error. Nothing can be done about an error there.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Err, format, args...)
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// newEncoder returns an encoder that leaves <, > and & readable: the output is
// not for web pages.
func newEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

// colorWanted follows https://no-color.org and the terminals that have none.
func colorWanted() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// terminalWidth returns the columns of w and whether it is a terminal. COLUMNS
// overrides what the terminal says, as in other programs.
func terminalWidth(w io.Writer) (columns int, terminal bool) {
	columns = defaultWidth
	if file, ok := w.(*os.File); ok {
		if n, ok := windowColumns(file); ok {
			terminal = true
			if n > 0 {
				columns = n
			}
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		columns = n
	}
	return columns, terminal
}
