package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/store"
)

// registerFiles registers what is outside the API.
func (s *Front) registerFiles() error {
	s.mux.HandleFunc("/api/", s.nothingHere)
	s.mux.HandleFunc("GET /openapi.json", s.serveDocument)
	s.mux.HandleFunc("GET /healthz", s.serveHealth)
	s.mux.HandleFunc("GET /readyz", s.serveReadiness)
	s.mux.HandleFunc("GET /install", s.serveInstall)
	s.mux.HandleFunc("GET /download/{file}", s.serveDownload)
	if s.Metrics != nil {
		s.mux.HandleFunc("GET /metrics", s.serveMetrics)
	}
	if s.Console == nil {
		s.mux.HandleFunc("/", s.serveNoConsole)
		return nil
	}
	page, err := fs.ReadFile(s.Console, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		s.mux.HandleFunc("/", s.serveNoConsole)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	s.page = page
	s.mux.HandleFunc("/", s.serveConsole)
	return nil
}

// serveDocument serves the OpenAPI document.
func (s *Front) serveDocument(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	s.deliver(r, w, s.Document)
}

// serveHealth says that the process answers.
func (s *Front) serveHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s.deliver(r, w, []byte("ok\n"))
}

// readyTimeout is how long a probe waits for the parts of the server.
const readyTimeout = 5 * time.Second

// serveReadiness says whether the server can do its work. Strangers may ask,
// so the reason goes to the log only.
func (s *Front) serveReadiness(w http.ResponseWriter, r *http.Request) {
	if s.Ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := s.Ready(ctx); err != nil {
			s.Log.WarnContext(r.Context(), "not ready", "error", err)
			s.Refuse(w, r, fmt.Errorf("%w: the server's log says why", ErrNotReady))
			return
		}
	}
	s.serveHealth(w, r)
}

// serveMetrics serves metrics to this machine and to readers. A request that a
// proxy on this machine passed on is not this machine's.
func (s *Front) serveMetrics(w http.ResponseWriter, r *http.Request) {
	local := Of(r.Context()).From.IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
	if !local {
		if err := s.MayRead(r); err != nil {
			s.Refuse(w, r, err)
			return
		}
	}
	s.Metrics.ServeHTTP(w, r)
}

// pagePolicy is the content security policy of the console's page, with the
// nonce of its style elements.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-%s'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// noncePlaceholder is where the page wants the nonce: web.NoncePlaceholder.
const noncePlaceholder = "__CSP_NONCE__"

// hashed are the names of files that never change: the bundler puts a hash of
// the content into them.
var hashed = regexp.MustCompile(`^assets/[^/]+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

// kinds are the types of the console's files. The system's own table differs
// from machine to machine.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".ico": "image/x-icon", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json", ".woff2": "font/woff2",
}

// serveConsole serves a file of the console, or its page for every other path:
// the console knows what to show there.
func (s *Front) serveConsole(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.Refuse(w, r, &wrongMethodError{r.Method, []string{http.MethodGet}})
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" || name == "index.html" || !fs.ValidPath(name) {
		s.servePage(w, r)
		return
	}
	if s.serveFile(w, r, name) {
		return
	}
	if strings.HasPrefix(name, "assets/") {
		s.Refuse(w, r, About("file", clipped(name), store.ErrNotFound)) // of an older console: not a page
		return
	}
	s.servePage(w, r)
}

// serveFile serves a file of the console, compressed where the bundler left
// such a file beside it. It reports whether there is one.
func (s *Front) serveFile(w http.ResponseWriter, r *http.Request, name string) bool {
	info, err := fs.Stat(s.Console, name)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	kind, ok := kinds[path.Ext(name)]
	if !ok {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	if hashed.MatchString(name) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	for _, form := range []struct{ encoding, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(r, form.encoding) && s.send(w, r, name+form.suffix, form.encoding) {
			return true
		}
	}
	return s.send(w, r, name, "")
}

// send sends a file with the encoding that it has, and reports whether it
// could.
func (s *Front) send(w http.ResponseWriter, r *http.Request, name, encoding string) bool {
	f, err := s.Console.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	content, ok := f.(io.ReadSeeker)
	if err != nil || !ok {
		return false
	}
	if encoding != "" {
		w.Header().Set("Content-Encoding", encoding)
	}
	http.ServeContent(w, r, "", info.ModTime(), content)
	return true
}

// servePage serves the console's page with a nonce of its own.
func (s *Front) servePage(w http.ResponseWriter, r *http.Request) {
	var b [16]byte
	rand.Read(b[:])
	nonce := base64.StdEncoding.EncodeToString(b[:])
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // a nonce is for one answer
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(pagePolicy, nonce))
	s.deliver(r, w, bytes.ReplaceAll(s.page, []byte(noncePlaceholder), []byte(nonce)))
}

// serveNoConsole answers in the place of a console that was left out.
func (s *Front) serveNoConsole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	s.deliver(r, w, []byte(s.NoConsole+"\n"))
}
