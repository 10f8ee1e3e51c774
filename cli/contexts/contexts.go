// Package contexts keeps which servers an operator works with, and as whom:
// one small file under the user's configuration directory, readable by its
// owner alone, since it holds API tokens.
package contexts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/internal/strictyaml"
)

// Context is a server with a way in.
type Context struct {
	Server string `yaml:"server"` // https://host:port
	User   string `yaml:"user"`   // whose token it is, for display
	Token  string `yaml:"token"`  // API token
	// TokenID names the token at the server, so that logging out revokes it.
	TokenID string `yaml:"token_uid,omitempty"`
	// Pin is the SHA-256 of the public key of the server's certificate
	// authority, in hex; "" means that the system's authorities are trusted.
	Pin string `yaml:"pin,omitempty"`
}

// File is the contexts of a user.
type File struct {
	Current  string             `yaml:"current"`
	Contexts map[string]Context `yaml:"contexts"`

	path string
}

// Errors that callers tell apart.
var (
	ErrNone     = errors.New("not logged in to a server; see holdfast login --help")
	ErrUnchosen = errors.New("no context is chosen")
	ErrUnknown  = errors.New("no such context")
)

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// DefaultPath returns where the file lies: $HOLDFAST_CONTEXTS, else
// holdfast/contexts.yaml in the user's configuration directory.
func DefaultPath() (string, error) {
	if path := os.Getenv("HOLDFAST_CONTEXTS"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the configuration directory: %w", err)
	}
	return filepath.Join(dir, "holdfast", "contexts.yaml"), nil
}

// Load reads the file; one that is not there has no contexts. A file that
// others may read is refused: its tokens are no secret any more.
func Load(path string) (*File, error) {
	f := &File{Contexts: map[string]Context{}, path: path}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the contexts: %w", err)
	}
	defer file.Close()
	if err := private(file); err != nil {
		return nil, err
	}
	data, err := bounded.ReadAll(file, maxFile)
	if err == nil {
		err = f.parse(data)
	}
	if err != nil {
		return nil, fmt.Errorf("contexts in %s: %w", path, err)
	}
	return f, nil
}

func (f *File) parse(data []byte) error {
	if err := strictyaml.Decode(data, f); err != nil {
		return err
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	for name, c := range f.Contexts {
		if err := errors.Join(CheckName(name), c.check()); err != nil {
			return fmt.Errorf("context %q: %w", name, err)
		}
	}
	return nil
}

// CheckName says whether a context may be called name.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q is no name for a context: letters, digits, dot, underscore and hyphen, at most 64", name)
	}
	return nil
}

func (c Context) check() error {
	if _, err := CheckServer(c.Server); err != nil {
		return err
	}
	if pin, err := hex.DecodeString(c.Pin); err != nil || c.Pin != "" && len(pin) != sha256.Size {
		return errors.New("pin: is not a SHA-256 in hex")
	}
	return nil
}

// CheckServer returns the address of a server in one form: https, host and
// port, nothing else. The port is 8443 where none is given.
func CheckServer(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("server %q is not https://HOST[:PORT]", text)
	}
	if u.Port() == "" {
		u.Host += ":8443"
	}
	return "https://" + u.Host, nil
}

// Names returns the names of all contexts in order.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Contexts))
	for name := range f.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Get returns the context called name, or the current one for "". Errors are
// those of this package.
func (f *File) Get(name string) (string, Context, error) {
	if name == "" {
		name = f.Current
	}
	switch {
	case name == "" && len(f.Contexts) == 0:
		return "", Context{}, ErrNone
	case name == "":
		return "", Context{}, fmt.Errorf("%w; holdfast contexts NAME chooses one of: %s", ErrUnchosen, strings.Join(f.Names(), ", "))
	}
	c, ok := f.Contexts[name]
	if !ok {
		return "", Context{}, fmt.Errorf("%w %q; there are: %s", ErrUnknown, name, strings.Join(f.Names(), ", "))
	}
	return name, c, nil
}

// Set adds or replaces a context and makes it the current one. [File.Save]
// makes it last.
func (f *File) Set(name string, c Context) error {
	if err := errors.Join(CheckName(name), c.check()); err != nil {
		return err
	}
	f.Contexts[name], f.Current = c, name
	return nil
}

// Use makes a context the current one.
func (f *File) Use(name string) error {
	if _, _, err := f.Get(name); err != nil {
		return err
	}
	f.Current = name
	return nil
}

// Drop removes a context. Where it was the current one, none is.
func (f *File) Drop(name string) {
	delete(f.Contexts, name)
	if f.Current == name {
		f.Current = ""
	}
}

// Save writes the file anew, whole, with mode 0600 in a directory made with
// mode 0700.
func (f *File) Save() error {
	data, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode the contexts: %w", err)
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save the contexts: %w", err)
	}
	if err := atomicfile.Write(f.path, data); err != nil {
		return fmt.Errorf("save the contexts: %w", err)
	}
	return nil
}
