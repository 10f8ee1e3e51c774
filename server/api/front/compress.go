package front

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minCompressed is the size from which an answer is compressed. Answers with a
// secret in them are all shorter, so that nothing can be learnt of a secret
// from how well it compresses beside something else.
const minCompressed = 2 << 10

// compressible are the types of content that are worth it.
var compressible = []string{"application/json", "application/problem+json", "text/html", "text/css", "text/javascript", "image/svg+xml"}

var writers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a valid constant
	}
	return w
}}

// compressed compresses answers for clients that want it.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !accepts(r, "gzip") || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w}
		next.ServeHTTP(c, r)
		c.end()
	})
}

// accepts reports whether the client takes the encoding.
func accepts(r *http.Request, encoding string) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(header, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(item), ";")
			if strings.EqualFold(strings.TrimSpace(name), encoding) {
				q := strings.ReplaceAll(quality, " ", "")
				return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
			}
		}
	}
	return false
}

// compressor holds the beginning of an answer back until it is clear whether
// to compress it.
type compressor struct {
	http.ResponseWriter
	status int
	held   []byte
	begun  bool         // the header is out
	gz     *gzip.Writer // nil when not compressed
}

// WriteHeader notes the status; the header goes out with the first bytes.
func (c *compressor) WriteHeader(status int) {
	if status < 200 {
		c.ResponseWriter.WriteHeader(status)
		return
	}
	if c.status == 0 {
		c.status = status
	}
}

// Write holds back or writes.
func (c *compressor) Write(b []byte) (int, error) {
	if c.begun {
		return c.pass(b)
	}
	if c.suits() && len(c.held)+len(b) < minCompressed {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	c.begin(c.suits())
	if len(c.held) > 0 {
		if _, err := c.pass(c.held); err != nil {
			return 0, err
		}
		c.held = nil
	}
	return c.pass(b)
}

func (c *compressor) pass(b []byte) (int, error) {
	if c.gz != nil {
		return c.gz.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// suits reports whether the answer is of a kind that is compressed.
func (c *compressor) suits() bool {
	h := c.Header()
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if h.Get("Content-Encoding") != "" || h.Get("Content-Range") != "" {
		return false
	}
	for _, k := range compressible {
		if strings.EqualFold(strings.TrimSpace(kind), k) {
			return true
		}
	}
	return false
}

func (c *compressor) begin(compress bool) {
	c.begun = true
	if compress {
		c.Header().Set("Content-Encoding", "gzip")
		c.Header().Del("Content-Length")
		c.gz = writers.Get().(*gzip.Writer)
		c.gz.Reset(c.ResponseWriter)
	}
	if c.status != 0 {
		c.ResponseWriter.WriteHeader(c.status)
	}
}

// FlushError sends what was written so far, for [http.ResponseController].
func (c *compressor) FlushError() error {
	if !c.begun {
		c.begin(false)
		if _, err := c.pass(c.held); err != nil {
			return err
		}
		c.held = nil
	}
	if c.gz != nil {
		if err := c.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Unwrap returns the writer below, for deadlines.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end sends what is left. A client that has gone does not see it.
func (c *compressor) end() {
	if !c.begun {
		if len(c.held) > 0 {
			c.Header().Set("Content-Length", strconv.Itoa(len(c.held)))
		}
		c.begin(false)
		_, _ = c.ResponseWriter.Write(c.held)
		return
	}
	if c.gz != nil {
		_ = c.gz.Close()
		c.gz.Reset(nil)
		writers.Put(c.gz)
	}
}
