// Package suppress keeps alerts that exceptions cover out of what a command shows,
// and counts them: for commands that find alerts without a server.
package suppress

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/cli/live"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/exception/exceptionfiles"
	"github.com/holdfast-security/holdfast/finding"
)

// Flags are the flags of such a command.
type Flags struct {
	paths []string
	show  bool
}

// Register adds them to a command.
func (f *Flags) Register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.paths, "exceptions", nil, "leave out alerts that the exceptions in this file or directory cover; may be repeated")
	flags.BoolVar(&f.show, "suppressed", false, "show alerts that exceptions cover, too, as such")
}

// Read reads the exceptions that the flags name, for alerts of a host. A mistake
// in a file is an error of one sentence with file and line.
func (f *Flags) Read(host exception.Host) (*Suppressor, error) {
	if f.show && len(f.paths) == 0 {
		return nil, usage.Errorf("--suppressed shows what exceptions cover; name them with --exceptions")
	}
	files, err := exceptionfiles.Read(f.paths, host)
	if err != nil {
		return nil, err
	}
	return &Suppressor{files: files, show: f.show}, nil
}

// Suppressor keeps alerts that exceptions cover out of sight, and counts them. It
// is safe for concurrent use.
type Suppressor struct {
	files *exceptionfiles.Exceptions
	show  bool
	tally live.Tally
}

// Sort counts an alert if an exception covers it, and otherwise has it counted
// by others. It reports whether the alert is to be shown, for which it must be
// wanted.
func (s *Suppressor) Sort(a finding.Alert, others *live.Tally, wanted bool) (shown bool) {
	if _, covered := s.files.Covering(&a, time.Now()); covered {
		s.tally.Add(a, !s.show)
		return wanted && s.show
	}
	others.Add(a, !wanted)
	return wanted
}

// Count returns how many alerts exceptions cover.
func (s *Suppressor) Count() int {
	n, _ := s.tally.Total()
	return n
}

// Text returns the alert as people see it: a covered one says so.
func (s *Suppressor) Text(a finding.Alert) finding.Alert {
	if name, covered := s.files.Covering(&a, time.Now()); covered {
		a.Title = "Suppressed by \"" + name + "\": " + a.Title
	}
	return a
}

// Value returns the alert as programs see it: a covered one says so.
func (s *Suppressor) Value(a finding.Alert) any {
	if name, covered := s.files.Covering(&a, time.Now()); covered {
		return exceptionfiles.Suppressed{Alert: a, Status: finding.Suppressed, Exception: name}
	}
	return a
}
