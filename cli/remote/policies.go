package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/api/client"
	"github.com/holdfast-security/holdfast/cli/render"
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/policy"
)

func (e *Env) policiesCommand() *cobra.Command {
	return usage.Group("policies", "Say which features run on which hosts, and within which bounds", e.policiesShow(), e.policiesSet())
}

const policiesShowHelp = `Show the policies of hosts. Of the assignments that fit a host the last one
counts; hosts that none fits have the built-in policy. With -o yaml the output is
what holdfast policies set takes.`

func (e *Env) policiesShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the policies of hosts", Long: policiesShowHelp, Args: usage.NoArgs,
		RunE: e.run(func(ctx context.Context, c *client.Client, _ []string) error {
			all, etag, err := c.GetPolicies(ctx)
			if err != nil {
				return err
			}
			e.note("Version %s.\n", strings.Trim(etag, `"`))
			if len(all.Assignments) == 0 {
				e.note("None are set: every host has the built-in policy.\n")
			}
			return e.show(all, func(style render.Style) string {
				rows := [][]string{}
				for i, a := range all.Assignments {
					rows = append(rows, []string{strconv.Itoa(i + 1), render.Text(hostsOf(a), style), render.Text(words(a.Policy), style)})
				}
				return render.Table([]string{"NO", "HOSTS", "POLICY"}, rows, style)
			})
		}),
	}
}

// hostsOf says for which hosts an assignment is.
func hostsOf(a policy.Assignment) string {
	var parts []string
	if a.Host != "" {
		parts = append(parts, string(a.Host))
	}
	for _, key := range slices.Sorted(maps.Keys(a.Labels)) {
		parts = append(parts, key+"="+a.Labels[key])
	}
	return cmp.Or(strings.Join(parts, " "), "all")
}

// words says what a policy asks for beyond the defaults.
func words(p policy.Policy) string {
	var parts []string
	if len(p.Only) > 0 {
		parts = append(parts, "only "+strings.Join(p.Only, ", "))
	}
	if len(p.Disable) > 0 {
		parts = append(parts, "without "+strings.Join(p.Disable, ", "))
	}
	if p.RawRecords {
		parts = append(parts, "raw records")
	}
	if p.HeartbeatSeconds != 0 {
		parts = append(parts, fmt.Sprintf("heartbeat every %d s", p.HeartbeatSeconds))
	}
	if p.SpoolBytes != 0 {
		parts = append(parts, "spool of "+render.Number(uint64(p.SpoolBytes))+" bytes")
	}
	return cmp.Or(strings.Join(parts, "; "), "built-in")
}

const policiesSetHelp = `Replace the policies of hosts by those in a file, YAML or JSON; - reads standard
input. All come into force, or none, and connected hosts have theirs at once.`

func (e *Env) policiesSet() *cobra.Command {
	var version int64
	cmd := &cobra.Command{
		Use: "set FILE", Short: "Replace the policies of hosts", Long: policiesSetHelp, Args: usage.One("file, or - for standard input"),
		Example: "  holdfast policies show -o yaml >policies.yaml\n  holdfast policies set policies.yaml",
	}
	cmd.Flags().Int64Var(&version, "if-version", 0, "only if the present policies are of this version, which holdfast policies show says")
	cmd.RunE = e.run(func(ctx context.Context, c *client.Client, args []string) error {
		all, err := e.readPolicies(args[0])
		if err != nil {
			return err
		}
		expected := ""
		if cmd.Flags().Changed("if-version") {
			expected = strconv.Quote(strconv.FormatInt(version, 10))
		}
		_, etag, err := c.SetPolicies(ctx, expected, all)
		if err != nil {
			return err
		}
		e.note("%d assignments are in force as version %s.\n", len(all.Assignments), strings.Trim(etag, `"`))
		return nil
	})
	return cmd
}

// maxPolicies bounds a file of policies, in bytes, as the server does.
const maxPolicies = 1 << 20

func (e *Env) readPolicies(path string) (policy.Assignments, error) {
	in := e.In
	if path == "-" {
		path = "standard input"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return policy.Assignments{}, fmt.Errorf("read the policies: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := bounded.ReadAll(in, maxPolicies)
	if err != nil {
		return policy.Assignments{}, fmt.Errorf("read the policies from %s: %w", path, err)
	}
	all, err := parsePolicies(data)
	if err != nil {
		return all, fmt.Errorf("policies in %s: %w", path, err)
	}
	return all, nil
}

// parsePolicies reads one document. Settings that do not exist are errors, and
// so is a document without the list: an empty file must not remove everything.
func parsePolicies(data []byte) (policy.Assignments, error) {
	var all policy.Assignments
	var document any
	texts := yaml.NewDecoder(bytes.NewReader(data))
	if err := texts.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return all, err
	}
	if err := texts.Decode(new(any)); !errors.Is(err, io.EOF) {
		return all, errors.New("more than one document; keep one")
	}
	plain, err := json.Marshal(document)
	if err != nil {
		return all, fmt.Errorf("a name is not a text: %w", err)
	}
	strict := json.NewDecoder(bytes.NewReader(plain))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&all); err != nil {
		return all, err
	}
	if all.Assignments == nil {
		return all, errors.New(`there is no list "assignments"; write assignments: [] to remove all policies`)
	}
	return all, nil
}
