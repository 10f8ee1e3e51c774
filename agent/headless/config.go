package headless

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/internal/strictyaml"
)

// Bounds and defaults of the output file.
const (
	defaultMaxBytes = 100 << 20
	defaultMaxFiles = 5
	minBytes        = 1 << 20
	maxConfig       = 1 << 20 // bytes of a configuration file

	defaultWindow = 10 * time.Second // in which repeats of an event are held
	maxWindow     = time.Hour
)

// Config is the configuration of an agent, as a YAML or JSON file holds it. The
// zero value is safe: every feature that is on by default; events to the server
// where the host is enrolled, otherwise alerts to standard output. What the
// server's policy says of features goes before what stands here, except that
// what is switched off here stays off.
type Config struct {
	// Output is the file that alerts and events are appended to; "-" is
	// standard output, and so is "" where the host is not enrolled. On an
	// enrolled host "" means that nothing is written: the server does the
	// detection. The directory must exist.
	Output string `yaml:"output"`
	// OutputMaxBytes is the size at which the file is rotated; 0 means 100
	// MiB, and less than 1 MiB is refused.
	OutputMaxBytes int64 `yaml:"output_max_bytes"`
	// OutputMaxFiles is how many files are kept, the current one included;
	// 0 means 5.
	OutputMaxFiles int `yaml:"output_max_files"`
	// Events adds every event to the output, not only alerts.
	Events bool `yaml:"events"`
	// EventsWindowSeconds is how long an event's repeats are held and then
	// written as one event with count, time of the first and end_time of the
	// last; 0 means 10 seconds, -1 writes every event. The first of its kind
	// is written at once, and so is every logon.
	EventsWindowSeconds int `yaml:"events_window_seconds"`
	// Severity is the lowest severity of alerts to write; "" means
	// informational, which is all.
	Severity string `yaml:"severity"`
	// Rules are files and directories with Sigma rules to use beside
	// Holdfast's own and, on an enrolled host with an output, the server's.
	Rules []string `yaml:"rules"`
	// Indicators are files, and directories with files, that list malicious
	// addresses, networks and domain names, one a line. They are read again
	// when they change. On an enrolled host the server has its own.
	Indicators []string `yaml:"indicators"`
	// Exceptions are files, and directories with files, of exceptions: alerts
	// that one covers are counted and not written. They are read once, when
	// the agent starts. On an enrolled host they concern the output alone; the
	// server has its own.
	Exceptions []string `yaml:"exceptions"`
	// Suppressed writes alerts that exceptions cover as well, with status
	// "suppressed" and the exception's name.
	Suppressed bool `yaml:"suppressed"`
	// Only names the features to run; without it those that are on by
	// default run. Disable names features not to run.
	Only    []string `yaml:"only"`
	Disable []string `yaml:"disable"`
	// StateDir and RunDir are the directories for what must survive a
	// restart and for the control socket; "" means /var/lib/holdfast and
	// /run/holdfast.
	StateDir string `yaml:"state_dir"`
	RunDir   string `yaml:"run_dir"`
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
func (c *Config) Validate() error {
	if _, err := c.lowest(); err != nil {
		return fmt.Errorf("severity: %w", err)
	}
	if c.OutputMaxBytes != 0 && c.OutputMaxBytes < minBytes {
		return fmt.Errorf("output_max_bytes: %d is less than %d", c.OutputMaxBytes, minBytes)
	}
	if c.OutputMaxFiles < 0 || c.OutputMaxFiles > 1000 {
		return fmt.Errorf("output_max_files: %d is not between 1 and 1000", c.OutputMaxFiles)
	}
	if most := int(maxWindow / time.Second); c.EventsWindowSeconds < -1 || c.EventsWindowSeconds > most {
		return fmt.Errorf("events_window_seconds: %d is not between -1 and %d", c.EventsWindowSeconds, most)
	}
	for _, dir := range []struct{ name, value string }{{"state_dir", c.StateDir}, {"run_dir", c.RunDir}} {
		if dir.value != "" && !filepath.IsAbs(dir.value) {
			return fmt.Errorf("%s: %q is not an absolute path", dir.name, dir.value)
		}
	}
	return nil
}

func (c *Config) lowest() (finding.Severity, error) {
	if c.Severity == "" {
		return finding.Informational, nil
	}
	return finding.ParseSeverity(c.Severity)
}

// window returns how long repeats of an event are held, zero for not at all.
func (c *Config) window() time.Duration {
	switch {
	case c.EventsWindowSeconds < 0:
		return 0
	case c.EventsWindowSeconds == 0:
		return defaultWindow
	}
	return time.Duration(c.EventsWindowSeconds) * time.Second
}

// toFile reports whether the output is a file.
func (c *Config) toFile() bool { return c.Output != "" && c.Output != "-" }
