package parquetfile

import (
	"github.com/parquet-go/parquet-go"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

// decoder turns values into what they were. It keeps texts of recent values,
// of which most come again, and the first error.
type decoder struct {
	texts map[string]string
	err   error
}

// maxKept bounds the texts and their length that a decoder keeps.
const (
	maxKept     = 4096
	maxKeptText = 64
)

func (dec *decoder) text(v parquet.Value) string {
	raw := v.ByteArray()
	if s, ok := dec.texts[string(raw)]; ok {
		return s
	}
	s := escape.Undo(string(raw))
	if len(raw) <= maxKeptText {
		if dec.texts == nil || len(dec.texts) >= maxKept {
			dec.texts = make(map[string]string)
		}
		dec.texts[string(raw)] = s
	}
	return s
}

func (dec *decoder) fail(err error) {
	if dec.err == nil {
		dec.err = err
	}
}
