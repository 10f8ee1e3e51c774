package remote

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/listing"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/internal/termtext"
	"github.com/holdfast-security/holdfast/store"
)

// RuleCommands returns the commands for the rule documents of a server, which
// stand beside those for rules on this machine.
func (e *Env) RuleCommands() []*cobra.Command {
	list := []*cobra.Command{e.rulesPush(), e.rulesPull(), e.rulesDocs(), e.rulesPromote(), e.rulesDryRun()}
	for _, c := range list {
		e.AddContextFlag(c)
	}
	return list
}

// patience is for what a server may take longer for than for other requests.
const patience = 2 * time.Minute

// patient is [Env.run] for such.
func (e *Env) patient(work func(ctx context.Context, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := e.connectFor(patience)
		if err != nil {
			return err
		}
		return explain(work(cmd.Context(), c, args))
	}
}

const pushHelp = `Make the rule files below a directory, or one file, rule documents of a server:
all of them, or none. Documents are named by their paths below the directory.

New documents are drafts unless --state says otherwise, and those that are there
keep their state. Rules in test are evaluated on every event and counted, but
raise no alert; rules that are live are in force. What cannot be used together
with all other rules is refused with its line, and the exit code is 3.`

func (e *Env) rulesPush() *cobra.Command {
	var p api.RulePush
	var state string
	cmd := &cobra.Command{
		Use: "push DIRECTORY|FILE", Short: "Make files rule documents of a server", Long: pushHelp, Args: usage.One("directory or file"),
		Example: "  holdfast rules check rules\n  holdfast rules push rules --state test --note 'for the audit'\n  holdfast rules push rules --state live --prune --dry-run",
	}
	cmd.RunE = e.patient(func(ctx context.Context, c *client.Client, args []string) error {
		var err error
		if p.State, err = parseState(state); err != nil {
			return err
		}
		if p.Docs, err = readRules(args[0]); err != nil {
			return err
		}
		done, err := c.PushRuleDocs(ctx, p)
		if err != nil {
			return err
		}
		if err := e.show(done, func(render.Style) string { return drawPushed(done, p.DryRun) }); err != nil {
			return err
		}
		if len(done.Refused) > 0 {
			e.note("Nothing was changed.\n")
			return usage.ErrPartial
		}
		return nil
	})
	cmd.Flags().StringVar(&state, "state", "", "draft, test or live; by default documents keep theirs, and new ones are drafts")
	cmd.Flags().StringVar(&p.Note, "note", "", "why, for the history")
	cmd.Flags().BoolVar(&p.Prune, "prune", false, "remove the documents that are not below the directory")
	cmd.Flags().BoolVar(&p.DryRun, "dry-run", false, "say what would happen, and change nothing")
	return cmd
}

func parseState(text string) (store.RuleState, error) {
	state := store.RuleState(text)
	if text != "" && !slices.Contains(store.RuleStates(), state) {
		return "", usage.Errorf("--state: %q is not one of draft, test, live", text)
	}
	return state, nil
}

// readRules returns the rule files below a directory by their paths there, or
// one file by its name.
func readRules(root string) ([]api.RuleFile, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if !info.IsDir() {
		text, err := bounded.ReadFile(root, store.MaxRuleText)
		return []api.RuleFile{{Name: filepath.Base(root), Text: string(text)}}, err
	}
	files := []api.RuleFile{}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		hidden := name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "regression_data")
		switch {
		case err != nil:
			return err
		case entry.IsDir() && hidden:
			return fs.SkipDir
		case entry.IsDir() || hidden || !slices.Contains([]string{".yml", ".yaml"}, strings.ToLower(filepath.Ext(name))):
			return nil
		}
		text, err := bounded.ReadFile(name, store.MaxRuleText)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		files = append(files, api.RuleFile{Name: filepath.ToSlash(below), Text: string(text)})
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no file below %s ends in .yml or .yaml", root)
	}
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return files, nil
}

// shownNames is how many names of documents a list shows.
const shownNames = 20

// maxProblem bounds what is shown of a problem, in characters.
const maxProblem = 1024

func drawPushed(done api.RulePushed, dry bool) string {
	var b strings.Builder
	for _, r := range done.Refused {
		fmt.Fprintf(&b, "%s\n", termtext.Bound(fmt.Sprintf("%s:%d: %s", cmp.Or(r.Name, "-"), r.Line, r.Reason), maxProblem))
	}
	would := ""
	if dry {
		would = "would be "
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"added", done.Added}, {"changed", done.Changed}, {"removed", done.Removed}} {
		if n := len(part.names); n > 0 && n <= shownNames && len(done.Refused) == 0 {
			fmt.Fprintf(&b, "%s%s: %s\n", would, part.what, termtext.Bound(strings.Join(part.names, ", "), shownNames*store.MaxRuleName))
		}
	}
	if len(done.Refused) == 0 {
		fmt.Fprintf(&b, "%d %sadded, %d changed, %d removed; %d are as they were.\n", len(done.Added), would, len(done.Changed), len(done.Removed), done.Unchanged)
	}
	return b.String()
}

// documents returns the documents that a filter chooses.
func documents(ctx context.Context, c *client.Client, state, text string, limit int) ([]store.RuleDoc, error) {
	parsed, err := parseState(state)
	if err != nil {
		return nil, err
	}
	q := client.ListRuleDocsQuery{State: parsed, Text: text}
	return listing.Collect(limit, func(size int, after string) (store.List[store.RuleDoc], error) {
		q.Limit, q.After = size, after
		return c.ListRuleDocs(ctx, q)
	})
}

func (e *Env) rulesDocs() *cobra.Command {
	var state, text string
	var limit int
	cmd := &cobra.Command{
		Use: "docs", Short: "List the rule documents of a server", Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := documents(ctx, c, state, text, limit)
			if err != nil {
				return err
			}
			return e.show(list, func(style render.Style) string { return drawDocs(list, style) })
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in draft, test or live")
	cmd.Flags().StringVar(&text, "text", "", "only those with the text in the name, or in title or uid of a rule")
	cmd.Flags().IntVar(&limit, "limit", 1000, "how many at most; 0 for all")
	return cmd
}

func drawDocs(list []store.RuleDoc, style render.Style) string {
	var rows [][]string
	for _, d := range list {
		matches := "-"
		if d.State == store.RuleTest {
			matches = render.Number(uint64(d.Matches))
		}
		rows = append(rows, []string{
			termtext.Bound(d.ID, store.MaxRuleName), string(d.State), strconv.FormatInt(d.Version, 10), strconv.Itoa(len(d.Rules)), matches,
			d.Changed.Local().Format("2006-01-02 15:04"), render.Text(d.Author, style),
		})
	}
	return render.Table([]string{"DOCUMENT", "STATE", "VERSION", "RULES", "MATCHES", "CHANGED", "BY"}, rows, style)
}

const pullHelp = `Write the rule documents of a server to files below a directory, by their names.
Files that are there with another content are left alone, and the exit code is 3,
unless --force says to replace them.`

func (e *Env) rulesPull() *cobra.Command {
	var state string
	var force bool
	cmd := &cobra.Command{
		Use: "pull DIRECTORY", Short: "Write the rule documents of a server to files", Long: pullHelp, Args: usage.One("directory"),
		RunE: e.run(func(ctx context.Context, c *client.Client, args []string) error {
			list, err := documents(ctx, c, state, "", 0)
			if err != nil {
				return err
			}
			return e.pull(ctx, c, list, args[0], force)
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in draft, test or live")
	cmd.Flags().BoolVar(&force, "force", false, "replace files that differ")
	return cmd
}

// pull writes documents below a directory, which no name and no link leads out
// of.
func (e *Env) pull(ctx context.Context, c *client.Client, list []store.RuleDoc, dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	written, left := 0, 0
	for _, d := range list {
		whole, _, err := c.GetRuleDoc(ctx, client.GetRuleDocQuery{Name: d.ID})
		if err != nil {
			return err
		}
		there, err := root.ReadFile(filepath.FromSlash(d.ID))
		switch {
		case err == nil && string(there) == whole.Text:
			continue
		case err == nil && !force:
			e.note("holdfast: %s differs and is left alone\n", termtext.Bound(d.ID, store.MaxRuleName))
			left++
			continue
		}
		if err := root.MkdirAll(filepath.FromSlash(path.Dir(d.ID)), 0o755); err != nil {
			return fmt.Errorf("write %q: %w", d.ID, err)
		}
		if err := root.WriteFile(filepath.FromSlash(d.ID), []byte(whole.Text), 0o644); err != nil {
			return fmt.Errorf("write %q: %w", d.ID, err)
		}
		written++
	}
	e.note("Wrote %d of %s.\n", written, render.Plural(uint64(len(list)), "document"))
	if left > 0 {
		return usage.ErrPartial
	}
	return nil
}

func (e *Env) rulesPromote() *cobra.Command {
	var state, note string
	cmd := &cobra.Command{
		Use: "promote DOCUMENT", Short: "Give a rule document of a server another state", Args: usage.One("name of a rule document"),
		Example: "  holdfast rules promote web/shells.yml --state live --note 'no match in a week that was not meant'",
		RunE: e.patient(func(ctx context.Context, c *client.Client, args []string) error {
			parsed, err := parseState(state)
			if err != nil {
				return err
			}
			if parsed == "" {
				return usage.Errorf("say what the document is for from now on: --state draft, test or live")
			}
			d, etag, err := c.GetRuleDoc(ctx, client.GetRuleDocQuery{Name: args[0]})
			if err != nil {
				return err
			}
			done, _, err := c.PutRuleDoc(ctx, client.PutRuleDocQuery{Name: args[0]}, etag, api.RuleDocUpdate{Text: d.Text, State: parsed, Note: note})
			if err != nil {
				return err
			}
			e.note("%s is %s as version %d.\n", termtext.Bound(done.ID, store.MaxRuleName), done.State, done.Version)
			return nil
		}),
	}
	cmd.Flags().StringVar(&state, "state", "", "draft, test or live")
	cmd.Flags().StringVar(&note, "note", "", "why, for the history")
	return cmd
}

const dryRunHelp = `Say what the rules of a file would have matched in the events that a server has
stored. Nothing is changed. The server works for up to 30 seconds and says whether
that was enough.`

func (e *Env) rulesDryRun() *cobra.Command {
	var since, until timeFlag
	var host, name string
	cmd := &cobra.Command{
		Use: "dry-run FILE", Short: "Say what rules would have matched in the events of a server", Long: dryRunHelp, Args: usage.One("file"),
		RunE: e.patient(func(ctx context.Context, c *client.Client, args []string) error {
			text, err := bounded.ReadFile(args[0], store.MaxRuleText)
			if err != nil {
				return fmt.Errorf("read rules: %w", err)
			}
			q := api.RuleDryRun{Text: string(text), Name: name}
			if !since.IsZero() {
				q.Since = &since.Time
			}
			if !until.IsZero() {
				q.Until = &until.Time
			}
			if host != "" {
				h, err := findHost(ctx, c, host)
				if err != nil {
					return err
				}
				q.Host = h.ID
			}
			result, err := c.DryRunRules(ctx, q)
			if err != nil {
				return err
			}
			return e.show(result, func(style render.Style) string { return drawDryRun(result, style) })
		}),
	}
	cmd.Flags().Var(&since, "since", "events at or after: a time, or how long ago; by default a day ago")
	cmd.Flags().Var(&until, "until", "events before: a time, or how long ago; by default now")
	cmd.Flags().StringVar(&host, "host", "", "only events of this host, by name or uid")
	cmd.Flags().StringVar(&name, "as", "", "the rule document that the file is to replace")
	return cmd
}

// shownMatches is how many matches are drawn.
const shownMatches = 20

func drawDryRun(r api.RuleDryRunResult, style render.Style) string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "left out: %s\n", termtext.Bound(fmt.Sprintf("line %d: %s", p.Line, p.Reason), maxProblem))
	}
	for i, m := range r.Events[:min(len(r.Events), shownMatches)] {
		if i == 0 {
			b.WriteString(render.EventHeader(style))
		}
		b.WriteString(render.EventLine(&m.Event, style))
	}
	if n := int(r.Matched) - min(len(r.Events), shownMatches); n > 0 {
		fmt.Fprintf(&b, "… and %s more\n", render.Number(uint64(n)))
	}
	fmt.Fprintf(&b, "%s in %s, from %s to %s.\n", matches(r.Matched), render.Plural(uint64(r.Scanned), "event"),
		r.Since.Local().Format(time.DateTime), r.Until.Local().Format(time.DateTime))
	if !r.Complete {
		fmt.Fprintf(&b, "Not complete: %s.\n", termtext.Bound(r.Stopped, maxProblem))
	}
	return b.String()
}

func matches(n int64) string {
	if n == 1 {
		return "1 match"
	}
	return render.Number(uint64(n)) + " matches"
}
