package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/holdfast-security/holdfast/cli/usage"
)

// defaultWidth is the width of output that no terminal shows.
const defaultWidth = 120

func (a *app) checkFormat() error {
	if err := a.format.Check(); err != nil {
		return usage.Errorf("%w", err)
	}
	return nil
}

// structured reports whether the output is for programs.
func (a *app) structured() bool { return a.format.Structured() }

// printDocument writes v as one indented document.
func (a *app) printDocument(v any) error { return a.format.Document(a.Out, v) }

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
