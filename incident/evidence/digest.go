package evidence

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest names signals that are the same thing.
type Digest [16]byte

// Circumstances is what makes two signals the same thing.
func (s *Signal) Circumstances() Digest {
	h := NewHash("signal")
	h.Text(s.Rule).Text(string(s.Host))
	if len(s.Lineage) > 0 {
		h.Text(s.Lineage[0].UID)
	}
	for _, ent := range s.Entities {
		h.Text(string(ent.Kind)).Text(ent.Value)
	}
	return h.Sum()
}

// ActionDigest is what makes signals of two rules one action.
func (s *Signal) ActionDigest() Digest {
	h := NewHash("action")
	h.Text(s.Action).Text(string(s.Host))
	if len(s.Lineage) > 0 {
		return h.Text(s.Lineage[0].UID).Sum()
	}
	if len(s.Entities) > 0 {
		h.Text(string(s.Entities[0].Kind)).Text(s.Entities[0].Value)
	}
	return h.Sum()
}

// Hash digests texts so that no two lists of them look alike.
type Hash struct{ buf []byte }

// NewHash returns a Hash for one purpose: digests for two purposes never agree.
func NewHash(purpose string) *Hash {
	h := &Hash{make([]byte, 0, 512)}
	return h.Text(purpose)
}

// Text adds a text and returns h.
func (h *Hash) Text(s string) *Hash {
	h.buf = binary.AppendUvarint(h.buf, uint64(len(s)))
	h.buf = append(h.buf, s...)
	return h
}

// Number adds a number and returns h.
func (h *Hash) Number(v int64) *Hash {
	h.buf = binary.AppendVarint(h.buf, v)
	return h
}

// Sum returns the digest of what was added.
func (h *Hash) Sum() Digest {
	sum := sha256.Sum256(h.buf)
	return Digest(sum[:16])
}
