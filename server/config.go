package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/internal/strictyaml"
	"github.com/holdfast-security/holdfast/server/backup"
)

// Defaults of the configuration.
const (
	DefaultDataDir      = "/var/lib/holdfast-server"
	DefaultListen       = ":8443"
	DefaultStreamListen = ":4222"
	DefaultStreamBytes  = 4 << 30

	minStreamBytes = 64 << 20
	maxConfig      = 1 << 20 // bytes of a configuration file
	maxSecretFile  = 64 << 10
)

// Config is the configuration of a server, as a YAML or JSON file holds it.
// The zero value is safe and complete: everything embedded, below
// /var/lib/holdfast-server, with a certificate of the server's own authority.
type Config struct {
	// DataDir is the directory for everything that the server keeps; "" means
	// /var/lib/holdfast-server. It is made if it is not there.
	DataDir string `yaml:"data_dir"`

	// Listen is the address of console and API, host:port; "" means ":8443",
	// on every address of the machine. Port 0 takes a free one.
	Listen string `yaml:"listen"`
	// Names are the names and addresses under which people and agents reach
	// the server. They stand in its generated certificate and in what agents
	// are told at enrolment. Without them these are the hosts of listen and
	// stream_listen, where those name one, and the name of the machine.
	Names []string `yaml:"names"`
	// CertificateFile and KeyFile are a certificate of your own with its
	// chain, and its key, both PEM, for console and API. They are read again
	// when they change. "" means one of the server's own authority, renewed
	// by itself. Agents always use the server's own authority.
	CertificateFile string `yaml:"certificate_file"`
	KeyFile         string `yaml:"key_file"`

	// StreamListen is the address on which agents connect, host:port; ""
	// means ":4222".
	StreamListen string `yaml:"stream_listen"`
	// StreamBytes bounds what the stream keeps on disk, in bytes; 0 means
	// 4 GiB, at least 64 MiB. A full stream makes agents wait; it loses
	// nothing.
	StreamBytes int64 `yaml:"stream_bytes"`
	// OutsideStream is a NATS cluster to use in place of the embedded one. One
	// server at a time uses its account.
	OutsideStream OutsideStream `yaml:"outside_stream"`

	// DatabaseFile is a file that holds the connection string of a PostgreSQL
	// database, as postgres://user:password@host/name; "" means SQLite in the
	// data directory. One server at a time uses a database.
	DatabaseFile string `yaml:"database_file"`

	// Rules are files and directories with Sigma rules to use beside
	// Holdfast's own. Hosts that write alerts to an output are sent them.
	Rules []string `yaml:"rules"`

	// Indicators are files, and directories with files, that list malicious
	// addresses, networks and domain names, one a line. They are read again
	// when they change.
	Indicators []string `yaml:"indicators"`

	// DownloadDir is the directory whose agent binaries the server offers at
	// /download; "" means the one that its own program lies in.
	DownloadDir string `yaml:"download_dir"`

	// LogLevel is debug, info, warn or error; "" means info.
	LogLevel string `yaml:"log_level"`
}

// OutsideStream is a NATS cluster that others run, with JetStream and accounts
// by JWT.
type OutsideStream struct {
	// URLs of the cluster, as tls://host:4222. Agents are told them, too.
	URLs []string `yaml:"urls"`
	// CredentialsFile is the credentials file of this server's user, which
	// may use everything in the account; SigningSeedFile the seed of a
	// signing key of the account, which issues the agents' credentials. Both
	// are needed.
	CredentialsFile string `yaml:"credentials_file"`
	SigningSeedFile string `yaml:"signing_seed_file"`
	// CAFile holds the roots to trust, PEM; "" means the system's.
	CAFile string `yaml:"ca_file"`
	// SystemCredentialsFile, of a user of the system account, and
	// OperatorSeedFile let this server cut off hosts that are revoked. Without
	// them it only refuses what they send.
	SystemCredentialsFile string `yaml:"system_credentials_file"`
	OperatorSeedFile      string `yaml:"operator_seed_file"`
	// Replicas is how many copies of the log there are; 0 means 1, at most 5.
	Replicas int `yaml:"replicas"`
}

// LoadConfig reads a configuration file. Unknown settings are errors, so that
// a slip of the pen is not taken for a wish.
func LoadConfig(path string) (Config, error) {
	data, err := bounded.ReadFile(path, maxConfig)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	cfg, err := ParseConfig(data)
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	return cfg, nil
}

// ParseConfig reads and checks a configuration. Empty data is the zero value.
func ParseConfig(data []byte) (Config, error) {
	var cfg Config
	if len(data) > maxConfig {
		return Config{}, fmt.Errorf("larger than %d bytes", maxConfig)
	}
	if err := strictyaml.Decode(data, &cfg); err != nil {
		return Config{}, err
	}
	return cfg, cfg.Validate()
}

// Validate says what is wrong with the configuration, before anything starts.
// It looks at no file.
func (c *Config) Validate() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(c.LogLevel, "info"))); err != nil {
		return fmt.Errorf("log_level: %q is not debug, info, warn or error", c.LogLevel)
	}
	if c.StreamBytes != 0 && c.StreamBytes < minStreamBytes {
		return fmt.Errorf("stream_bytes: %d is less than 64 MiB (%d)", c.StreamBytes, minStreamBytes)
	}
	for _, check := range []func() error{c.validatePaths, c.validateAddresses, c.validateStream} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validatePaths() error {
	for _, p := range []struct{ name, value string }{
		{"data_dir", c.DataDir},
		{"certificate_file", c.CertificateFile},
		{"key_file", c.KeyFile},
		{"outside_stream.credentials_file", c.OutsideStream.CredentialsFile},
		{"outside_stream.signing_seed_file", c.OutsideStream.SigningSeedFile},
		{"outside_stream.ca_file", c.OutsideStream.CAFile},
		{"outside_stream.system_credentials_file", c.OutsideStream.SystemCredentialsFile},
		{"outside_stream.operator_seed_file", c.OutsideStream.OperatorSeedFile},
		{"database_file", c.DatabaseFile},
		{"download_dir", c.DownloadDir},
	} {
		if p.value != "" && !filepath.IsAbs(p.value) {
			return fmt.Errorf("%s: %q is not an absolute path", p.name, p.value)
		}
	}
	if (c.CertificateFile == "") != (c.KeyFile == "") {
		return errors.New("certificate_file, key_file: give both or neither")
	}
	return nil
}

func (c *Config) validateAddresses() error {
	for _, a := range []struct{ name, value string }{{"listen", c.Listen}, {"stream_listen", c.StreamListen}} {
		if a.value == "" {
			continue
		}
		_, port, err := net.SplitHostPort(a.value)
		if err != nil {
			return fmt.Errorf("%s: %q is not host:port", a.name, a.value)
		}
		if _, err := net.LookupPort("tcp", port); err != nil {
			return fmt.Errorf("%s: %q is not a port", a.name, port)
		}
	}
	for _, name := range c.Names {
		if net.ParseIP(name) == nil && !validName(name) {
			return fmt.Errorf("names: %q is neither a host name nor an IP address", name)
		}
	}
	return nil
}

// validName reports whether s can be a DNS name: RFC 1123, with underscores.
func validName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		ok := strings.IndexFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) < 0
		if !ok || label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func (c *Config) validateStream() error {
	o := &c.OutsideStream
	for _, text := range o.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "tls" && u.Scheme != "nats") {
			return errors.New("outside_stream.urls: one is not tls://host:port") // it may hold a password
		}
		if u.User != nil {
			return errors.New("outside_stream.urls: one holds a name or password; put them into credentials_file")
		}
	}
	switch {
	case len(o.URLs) == 0 && o.CredentialsFile+o.SigningSeedFile+o.CAFile+o.SystemCredentialsFile+o.OperatorSeedFile != "":
		return errors.New("outside_stream.urls: there are none, but other settings of an outside stream")
	case len(o.URLs) == 0:
		return nil
	case o.CredentialsFile == "" || o.SigningSeedFile == "":
		return errors.New("outside_stream: credentials_file and signing_seed_file are needed")
	case (o.SystemCredentialsFile == "") != (o.OperatorSeedFile == ""):
		return errors.New("outside_stream: give system_credentials_file and operator_seed_file both or neither")
	case o.Replicas < 0 || o.Replicas > 5:
		return fmt.Errorf("outside_stream.replicas: %d is not between 1 and 5", o.Replicas)
	case c.StreamListen != "":
		return errors.New("stream_listen: there is nothing to listen on with outside_stream; remove one of them")
	}
	return nil
}

func (c *Config) dataDir() string { return cmp.Or(c.DataDir, DefaultDataDir) }

// path returns a path below the data directory.
func (c *Config) path(elements ...string) string {
	return filepath.Join(append([]string{c.dataDir()}, elements...)...)
}

// hasData reports whether the data directory holds what a server kept there.
func (c *Config) hasData() bool {
	return slices.ContainsFunc([]string{backup.StateName, backup.SegmentsName, streamName}, func(name string) bool {
		_, err := os.Lstat(c.path(name))
		return err == nil
	})
}

// names returns what the certificate is for.
func (c *Config) names() []string {
	if len(c.Names) > 0 {
		return c.Names
	}
	names := []string{"localhost"}
	if name, err := os.Hostname(); err == nil && validName(name) {
		names[0] = name
	}
	for _, address := range []string{c.StreamListen, c.Listen} {
		if host, ok := oneHost(address); ok && !slices.Contains(names, host) {
			names = append([]string{host}, names...)
		}
	}
	return names
}

// oneHost returns the host of an address to listen on, false when that stands
// for every address of the machine.
func oneHost(address string) (string, bool) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	if ip := net.ParseIP(host); ip != nil {
		return host, !ip.IsUnspecified()
	}
	return host, validName(host)
}

// database returns the connection string of the database, "" for SQLite.
func (c *Config) database() (string, error) {
	if c.DatabaseFile == "" {
		return "", nil
	}
	data, err := bounded.ReadFile(c.DatabaseFile, maxSecretFile)
	if err != nil {
		return "", fmt.Errorf("database_file: %w", err)
	}
	dsn := strings.TrimSpace(string(data))
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return "", fmt.Errorf("database_file: %s does not hold a string that begins with postgres://", c.DatabaseFile)
	}
	return dsn, nil
}
