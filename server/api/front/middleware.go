package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/wire"
)

var (
	errBroken  = errors.New("the request's body could not be read")
	errTooSlow = errors.New("the request's body did not arrive in time")
	errPanic   = errors.New("panic")
	errMethod  = errors.New("another method")
)

// identified gives the request an id and finds the client's address.
func (s *Front) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var id [8]byte
		rand.Read(id[:])
		q := &Request{ID: hex.EncodeToString(id[:]), From: s.clientAddress(r), W: w}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
		q.R = r
		w.Header().Set("X-Request-ID", q.ID)
		next.ServeHTTP(w, r)
	})
}

// maxHops bounds how many proxies are believed.
const maxHops = 16

// clientAddress returns the address that the request comes from. What proxies
// say counts only as far as they are trusted: from the last one on, the first
// address that is not a trusted proxy's is the client's.
func (s *Front) clientAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap()
	if !s.trusted(from) {
		return from
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || len(hops)-i > maxHops {
			return from
		}
		from = addr.Unmap()
		if !s.trusted(from) {
			return from
		}
	}
	return from
}

func (s *Front) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// isolated keeps a panic to the request that met it.
func (s *Front) isolated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &started{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.ErrorContext(r.Context(), "panic", "request", Of(r.Context()).ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if out.wrote {
				panic(http.ErrAbortHandler)
			}
			s.Refuse(w, r, errPanic)
		}()
		next.ServeHTTP(out, r)
	})
}

// started knows whether the answer has begun.
type started struct {
	http.ResponseWriter
	wrote bool
}

// WriteHeader begins the answer.
func (w *started) WriteHeader(status int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

// Write begins or continues the answer.
func (w *started) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the writer below, for [http.ResponseController].
func (w *started) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// closedPolicy is the content security policy of everything but pages.
const closedPolicy = "default-src 'none'; frame-ancestors 'none'"

// secured sets the headers that tell browsers to be strict.
func (s *Front) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Content-Security-Policy", closedPolicy)
		if s.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// bounded bounds the size of a request and the time for its answer. Streams
// move the deadline on as long as they get on.
func (s *Front) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := max(s.MaxBodies[r.URL.Path], MaxBody)
		if r.ContentLength > most {
			s.Refuse(w, r, tooLarge(most))
			return
		}
		// Servers without deadlines are those of tests.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(Timeout + writeTimeout))
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

func tooLarge(most int64) error {
	return fmt.Errorf("%w: the body of this request has at most %d bytes", wire.ErrOversized, most)
}

// ReadBody reads the body whole, so that whatever happens on the way is told
// here and operations only see bytes.
func ReadBody(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout + time.Duration(max(r.ContentLength, 0)/leastRate)*time.Second))
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded) || timeout(err):
		return errTooSlow
	case err != nil:
		return errBroken
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

func timeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// FromHere refuses requests that change something and that a browser sends on
// behalf of another site. Programs say nothing of where they come from.
func (s *Front) FromHere(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Authorization") != "" {
		return nil // no browser adds that by itself
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return fmt.Errorf("%w: a browser sends it for another site", account.ErrCSRF)
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Host != r.Host && origin != strings.TrimSuffix(s.PublicURL, "/")) {
		return fmt.Errorf("%w: its origin is another", account.ErrCSRF)
	}
	return nil
}

// nothingHere answers what is below /api but no operation.
func (s *Front) nothingHere(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "" && pattern != "/api/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.Refuse(w, r, &wrongMethodError{r.Method, allowed})
		return
	}
	s.Refuse(w, r, About("operation", r.Method+" "+clipped(r.URL.Path), store.ErrNotFound))
}

// clipped bounds what an answer repeats of a request.
func clipped(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), 200)], "?")
}

// wrongMethodError says that a path has other methods.
type wrongMethodError struct {
	method  string
	allowed []string
}

func (e *wrongMethodError) Error() string {
	return fmt.Sprintf("%s is not among the methods here: %s", clipped(e.method), strings.Join(e.allowed, ", "))
}

func (e *wrongMethodError) Is(target error) bool { return target == errMethod }
