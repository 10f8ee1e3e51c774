package front

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/packaging/systemd"
	"github.com/holdfast-security/holdfast/store"
)

//go:embed install.sh
var installText string

// installTemplate is the script that /install serves.
var installTemplate = template.Must(template.New("install").Funcs(template.FuncMap{"quote": quote}).Parse(installText))

// quote returns text as one word of a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// programName is what may be downloaded.
var programName = regexp.MustCompile(`^holdfast(-agent)?-(linux|windows)-(amd64|arm64)(\.exe)?$`)

// programs are the names that programName matches and that are looked for.
var programs = []string{"holdfast-agent-linux-amd64", "holdfast-agent-linux-arm64", "holdfast-linux-amd64", "holdfast-linux-arm64"}

// EnrollCommands returns what to type on a host to enrol it with the token.
func (s *Front) EnrollCommands(token string) api.EnrollCommands {
	trust := ""
	if pin := s.curlPin(); pin != "" {
		trust = " -k --pinnedpubkey " + quote(pin)
	}
	return api.EnrollCommands{
		Install: "curl -fsS" + trust + " " + quote(s.server()+"/install") + " | sudo sh -s -- " + quote(token),
		Enroll:  "sudo holdfast-agent enroll " + quote(token),
	}
}

// server returns how hosts reach the server, without a slash at the end.
func (s *Front) server() string { return strings.TrimSuffix(s.PublicURL, "/") }

// curlPin returns the server's key as curl's --pinnedpubkey takes it.
func (s *Front) curlPin() string {
	if s.Pin == nil {
		return ""
	}
	key := s.Pin()
	return "sha256//" + base64.StdEncoding.EncodeToString(key[:])
}

// serveInstall serves the script that installs the agent.
func (s *Front) serveInstall(w http.ResponseWriter, r *http.Request) {
	sums, err := s.sums()
	if err != nil {
		s.Refuse(w, r, err)
		return
	}
	var script bytes.Buffer
	err = installTemplate.Execute(&script, map[string]any{
		"Server": s.server(), "Pin": s.curlPin(), "Sums": sums, "Unit": systemd.Agent(),
	})
	if err != nil {
		s.Refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/x-shellscript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	s.deliver(r, w, script.Bytes())
}

// deliver writes an answer; a client that has gone does not see it.
func (s *Front) deliver(r *http.Request, w http.ResponseWriter, text []byte) {
	if _, err := w.Write(text); err != nil {
		s.Log.DebugContext(r.Context(), "answer not delivered", "error", err)
	}
}

// checksum is the SHA-256 of a program on offer.
type checksum struct{ Name, Sum string }

// checksums remembers the sums of programs while they do not change.
type checksums struct {
	mu    sync.Mutex // guards known
	known map[string]measured
}

type measured struct {
	changed time.Time
	size    int64
	sum     string
}

// sums returns the sums of the programs that there are.
func (s *Front) sums() ([]checksum, error) {
	var found []checksum
	if s.Downloads == nil {
		return nil, nil
	}
	for _, name := range programs {
		sum, err := s.measured.sum(s.Downloads, s.offered(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", name, err)
		}
		found = append(found, checksum{name, sum})
	}
	return found, nil
}

// offered returns the file behind the name of a program: the one built for
// this machine may lie there under its plain name.
func (s *Front) offered(name string) string {
	plain, ok := strings.CutSuffix(name, "-linux-"+runtime.GOARCH)
	if _, err := fs.Stat(s.Downloads, name); ok && runtime.GOOS == "linux" && errors.Is(err, fs.ErrNotExist) {
		return plain
	}
	return name
}

func (c *checksums) sum(files fs.FS, name string) (string, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.known[name]; ok && m.changed.Equal(info.ModTime()) && m.size == info.Size() {
		return m.sum, nil
	}
	f, err := files.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	if c.known == nil {
		c.known = make(map[string]measured)
	}
	m := measured{info.ModTime(), info.Size(), hex.EncodeToString(h.Sum(nil))}
	c.known[name] = m
	return m.sum, nil
}

// serveDownload serves a program.
func (s *Front) serveDownload(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if !programName.MatchString(name) || s.Downloads == nil {
		s.Refuse(w, r, About("program", clipped(name), store.ErrNotFound))
		return
	}
	f, err := s.Downloads.Open(s.offered(name))
	if errors.Is(err, fs.ErrNotExist) {
		s.Refuse(w, r, About("program", name, store.ErrNotFound))
		return
	}
	if err != nil {
		s.Refuse(w, r, err)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	info, err := f.Stat()
	if !ok || err != nil {
		s.Refuse(w, r, fmt.Errorf("read %s: %w", name, errors.Join(err, errors.ErrUnsupported)))
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadTimeout))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment")
	http.ServeContent(w, r, "", info.ModTime(), content)
}
