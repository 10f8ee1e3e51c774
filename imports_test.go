package holdfast_test

import (
	"go/ast"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer says what the packages of one part of the repository may import
// besides the standard library and their own subfolders. Patterns are folders
// of this module ("event"), or folders with all that is below ("internal/...").
type layer struct {
	folder  string   // a pattern; "agent/*/..." stands for any one folder with all below
	may     []string // folders of this module
	modules []string // other modules, by import path prefix
}

// Groups of folders that the layers share.
var (
	types = []string{"event", "finding", "fleet", "account", "inventory", "fim", "policy", "wire"}
	below = append(slices.Clone(types), "internal/...")
)

const (
	sys  = "golang.org/x/sys"
	yaml = "go.yaml.in/yaml/v3"
	zstd = "github.com/klauspost/compress"
	cbor = "github.com/fxamacker/cbor/v2"

	nats       = "github.com/nats-io/nats.go"
	natsServer = "github.com/nats-io/nats-server/v2"
	nkeys      = "github.com/nats-io/nkeys"
	natsJWT    = "github.com/nats-io/jwt/v2"
	cobra      = "github.com/spf13/cobra"
	pflag      = "github.com/spf13/pflag"
	prometheus = "github.com/prometheus/client_golang"
)

// layers is the dependency direction, most special first: a package belongs
// to the first layer whose folder covers it. A package that no layer covers
// is an error, so that a new part of the repository states its place here.
var layers = []layer{
	// Types come first and know nothing of what is done with them.
	{folder: "event"},
	{folder: "finding", may: types[:1]},
	{folder: "fleet", may: types[:2]},
	{folder: "account", may: types[:3]},
	{folder: "inventory", may: types[:4]},
	{folder: "fim", may: append([]string{"internal/termtext"}, types[:5]...)}, // differences are words for people, and escaped
	{folder: "policy", may: types[:6]},
	{folder: "wire", may: types[:7], modules: []string{cbor, zstd, nkeys}},
	{folder: "internal/strictyaml", may: []string{"internal/spelling"}, modules: []string{yaml}},
	{folder: "internal/...", may: below, modules: []string{sys}},

	// Detection is pure: no I/O, no agent, no server.
	{folder: "detect/sigma/...", may: below, modules: []string{yaml}},
	{folder: "detect/...", may: below},
	{folder: "rules/...", may: append([]string{"detect/..."}, below...)},
	{folder: "incident/...", may: types[:2]},
	{folder: "hunt/...", may: below}, // nor where events are stored
	{folder: "exception/...", may: append([]string{"internal/bounded", "internal/strictyaml", "internal/spelling"}, types[:2]...)},

	// The agent's parts know the types and what the agent offers a feature,
	// never each other; package agent and the explicit list put them together.
	{folder: "agent/hostfs", may: []string{"internal/..."}},
	{folder: "agent/feature", may: append([]string{"agent/hostfs"}, types...)},
	{
		folder: "agent/headless", may: append([]string{"agent", "agent/aggregate", "agent/bundle", "agent/control", "agent/feature", "agent/identity", "agent/respond", "agent/spool", "agent/transport", "detect/...", "exception/...", "rules/..."}, below...),
		modules: []string{sys, yaml},
	},
	{folder: "agent/identity/...", may: below, modules: []string{sys, nkeys}},
	{folder: "agent/spool/...", may: below, modules: []string{sys}},
	{folder: "agent/transport/...", may: append([]string{"agent/bundle", "agent/identity", "agent/spool"}, below...), modules: []string{nats, nkeys, sys}},
	{folder: "agent/authlog/...", may: append([]string{"agent/feature", "agent/hostfs"}, below...), modules: []string{sys, zstd}},
	{folder: "agent/features", may: append([]string{"agent/..."}, below...)},
	{folder: "agent/*/...", may: append([]string{"agent/feature", "agent/hostfs"}, below...), modules: []string{sys}},
	{folder: "agent", may: append([]string{"agent/...", "detect/...", "rules/..."}, below...), modules: []string{sys}},

	// The REST interface: its types, and the client made from them.
	{folder: "api/...", may: append([]string{"api", "store"}, below...)},

	// Storage is an interface; one package implements it, one may import that.
	{folder: "store", may: below},
	{folder: "store/sqlstore/...", may: append([]string{"store/..."}, below...), modules: []string{
		"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/uptrace/bun", "github.com/pressly/goose/v3",
	}},
	{folder: "store/segment/...", may: append([]string{"store/..."}, below...), modules: []string{"github.com/parquet-go/parquet-go", zstd}},
	{folder: "store/storetest/...", may: append([]string{"store"}, below...), modules: []string{"github.com/google/go-cmp"}},

	// The server's areas know the types and the storage interfaces, never
	// each other; package server puts them together.
	{folder: "server/api/...", may: append([]string{"api/...", "packaging/systemd", "store", "web"}, below...), modules: []string{"github.com/danielgtaylor/huma/v2", prometheus}},
	{folder: "server/auth/...", may: append([]string{"store"}, below...), modules: []string{
		"golang.org/x/crypto", "golang.org/x/oauth2", "github.com/coreos/go-oidc/v3", "github.com/alexedwards/scs/v2",
	}},
	{folder: "server/stream/...", may: append([]string{"store"}, below...), modules: []string{nats, natsServer, nkeys, natsJWT, sys}},
	{folder: "server/pki/...", may: below, modules: []string{nkeys}},
	{folder: "server/enroll/...", may: append([]string{"store"}, below...), modules: []string{nkeys, natsJWT}},
	{folder: "server/correlate/...", may: append([]string{"incident/...", "store"}, below...)},
	{folder: "server/*/...", may: append([]string{"api", "detect/...", "exception", "hunt/...", "rules/...", "store"}, below...), modules: []string{prometheus}},
	{
		folder: "server", may: append([]string{"server/...", "store/...", "detect/...", "hunt/...", "rules/...", "api/...", "simulate", "web"}, below...),
		modules: []string{yaml, prometheus, nkeys},
	},
	{folder: "web"},
	{folder: "packaging/systemd"},

	// What people run.
	{folder: "simulate/...", may: append([]string{"detect/indicator"}, below...), modules: []string{sys}}, // the entries that every list holds for tests
	{
		folder: "cli/...", may: append([]string{"agent/...", "api/...", "detect/...", "exception/...", "rules/...", "simulate/...", "store"}, below...),
		modules: []string{sys, cobra, pflag, yaml, zstd},
	},
	{folder: "cmd/...", may: []string{"agent", "agent/headless", "server", "cli"}},

	// What is never shipped: generators, measurements, end-to-end runs.
	{
		folder: "tools/...", may: append([]string{"agent/...", "api/...", "cli/...", "detect/...", "hunt/...", "rules/...", "server", "server/api/...", "simulate/...", "store"}, below...),
		modules: []string{sys, cobra},
	},
	{folder: "bench/...", may: append([]string{"bench/...", "agent/...", "api/...", "server/...", "store/...", "detect/...", "hunt/...", "incident/...", "rules/...", "simulate"}, below...), modules: []string{sys, nats, nkeys}},
	{folder: "test/...", may: append([]string{"test/...", "agent/...", "api/..."}, below...), modules: []string{sys, nats, nkeys}},
}

// confined are packages of the standard library that only few may use.
var confined = []struct {
	imported string
	only     []string
	reason   string
}{
	{
		"os/exec",
		[]string{"agent/respond/...", "agent/jit/...", "cli/up", "simulate/...", "internal/hosttest", "bench/...", "test/...", "tools/..."},
		"an agent that starts programs has an attacker's PATH and environment in its hands; read the kernel instead",
	},
	{
		"database/sql",
		[]string{"store/sqlstore/..."},
		"storage is an interface, and only one package knows SQL",
	},
	{
		"net/http",
		[]string{
			"agent/transport/...", "agent/dockerbench/...", "api/client", "server", "server/api/...", "server/auth/...", "server/export/...",
			"server/vulnmatch/...", "server/console/...", "server/metrics", "web", "cli/...", "bench/...", "test/...",
		},
		"what leaves the host leaves through few doors that can be reviewed",
	},
	{
		"internal/hosttest",
		[]string{"bench", "test/..."},
		"it belongs to tests",
	},
	{
		"testing",
		[]string{"internal/hosttest", "store/storetest/..."},
		"it belongs to tests",
	},
	{"C", nil, "Holdfast is built without cgo: one static binary for every distribution"},
	{"unsafe", []string{"agent/...", "internal/...", "bench/...", "test/..."}, "pointers are for talking to the kernel"},
}

// forbidden must not be linked into the agent, directly or by way of others.
var forbidden = []struct{ prefix, reason string }{
	{"database/sql", "the agent keeps no database"},
	{"modernc.org/sqlite", "the agent keeps no database"},
	{"github.com/jackc/pgx", "the agent keeps no database"},
	{"github.com/nats-io/nats-server", "the agent is a client of the stream"},
	{module + "/server", "the agent runs on the protected host, not beside the console"},
	{module + "/store", "the agent keeps no database"},
	{module + "/web", "the agent serves no console"},
	{module + "/simulate", "an agent must not carry attacks"},
	{module + "/cli", "the operator's command uses the agent, not the other way round"},
	{"github.com/spf13/cobra", "commands and help belong to the operator's command"},
	{"testing", "it belongs to tests"},
	{"plugin", "code that is loaded at run time cannot be reviewed"},
}

// imports returns the import paths of a file.
func imports(f goFile) []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// covers reports whether folder matches pattern.
func covers(pattern, folder string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*/..."); ok {
		return strings.HasPrefix(folder, parent+"/")
	}
	if parent, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == parent || strings.HasPrefix(folder, parent+"/")
	}
	return folder == pattern
}

func coveredByAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, folder) })
}

// part returns the folder whose packages share freely with each other: for
// agent/audit/rule, of a layer "agent/*/...", it is agent/audit.
func part(l layer, folder string) string {
	if parent, ok := strings.CutSuffix(l.folder, "/*/..."); ok {
		name, _, _ := strings.Cut(strings.TrimPrefix(folder, parent+"/"), "/")
		return parent + "/" + name
	}
	return strings.TrimSuffix(l.folder, "/...")
}

// standard reports whether p is a package of the standard library.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

// allowed reports whether a package in folder, which belongs to l, may import p.
func (l layer) allowed(folder, p string) bool {
	if target, ok := strings.CutPrefix(p, module+"/"); ok {
		return coveredByAny(append([]string{part(l, folder) + "/..."}, l.may...), target)
	}
	return standard(p) || slices.ContainsFunc(l.modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, f := range parse(t).product() {
		i := slices.IndexFunc(layers, func(l layer) bool { return covers(l.folder, f.dir()) })
		if i < 0 {
			t.Errorf("%s: no layer covers %s; give it a place in imports_test.go", f.path, f.dir())
			continue
		}
		for _, p := range imports(f) {
			if !layers[i].allowed(f.dir(), p) {
				t.Errorf("%s imports %s, which %s may not", f.path, strings.TrimPrefix(p, module+"/"), layers[i].folder)
			}
		}
	}
}

func TestConfinedPackagesStayWhereTheyBelong(t *testing.T) {
	for _, f := range parse(t).product() {
		for _, p := range imports(f) {
			for _, c := range confined {
				if strings.TrimPrefix(p, module+"/") == c.imported && !coveredByAny(c.only, f.dir()) {
					t.Errorf("%s imports %s: %s", f.path, c.imported, c.reason)
				}
			}
		}
	}
}

// TestExportedTypesAreOurs keeps dependencies replaceable: no exported
// signature, field or alias of ours names a type of another module.
func TestExportedTypesAreOurs(t *testing.T) {
	s := parse(t)
	for _, f := range s.product() {
		if f.syntax.Name.Name == "main" {
			continue
		}
		foreign := foreignNames(f)
		if covers("cli/...", f.dir()) { // commands are made of cobra's, and nobody but cmd imports them
			delete(foreign, "cobra")
		}
		if covers("server/api/route", f.dir()) { // its rows are those of huma, and only server/api is made of them
			delete(foreign, "huma")
		}
		if covers("store/sqlstore/...", f.dir()) { // its parts work in each other's transactions, and nobody else imports them
			delete(foreign, "bun")
		}
		for _, decl := range f.syntax.Decls {
			for _, node := range exportedTypes(decl) {
				ast.Inspect(node, func(n ast.Node) bool {
					sel, ok := n.(*ast.SelectorExpr)
					if !ok {
						return true
					}
					if id, ok := sel.X.(*ast.Ident); ok && foreign[id.Name] {
						t.Errorf("%s: exports %s.%s, a type of another module", s.at(sel), id.Name, sel.Sel.Name)
					}
					return false
				})
			}
		}
	}
}

// foreignNames returns the names under which f knows packages of other
// modules. x/sys does not count: it is the system's own vocabulary.
func foreignNames(f goFile) map[string]bool {
	names := make(map[string]bool)
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || standard(p) || strings.HasPrefix(p, module+"/") || strings.HasPrefix(p, sys+"/") {
			continue
		}
		name := path.Base(p)
		if strings.HasPrefix(name, "v") && len(name) == 2 {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = true
	}
	return names
}

// exportedTypes returns the type expressions that decl shows to importers.
func exportedTypes(decl ast.Decl) []ast.Node {
	var nodes []ast.Node
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && exportedReceiver(d) {
			nodes = append(nodes, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			ts, ok := spec.(*ast.TypeSpec)
			if !ok || !ts.Name.IsExported() {
				continue
			}
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				nodes = append(nodes, ts.Type)
				continue
			}
			for _, field := range st.Fields.List {
				if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
					nodes = append(nodes, field.Type)
				}
			}
		}
	}
	return nodes
}

func TestAgentLinksNothingForbidden(t *testing.T) {
	for _, goos := range []string{"linux", "windows"} {
		t.Run(goos, func(t *testing.T) {
			cmd := exec.Command("go", "list", "-deps", "./cmd/holdfast-agent")
			cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
			cmd.Stderr = new(strings.Builder)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go list: %v\n%s", err, cmd.Stderr)
			}
			for p := range strings.FieldsSeq(string(out)) {
				for _, f := range forbidden {
					if p == f.prefix || strings.HasPrefix(p, f.prefix+"/") {
						t.Errorf("the agent links %s: %s", p, f.reason)
					}
				}
			}
		})
	}
}
