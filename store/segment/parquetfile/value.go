package parquetfile

import "github.com/holdfast-security/holdfast/store/segment/parquetfile/page"

// value is one value of a page that is not null.
type value struct {
	page *page.Page
	at   int
}

func (v value) num() int64    { return v.page.Num(v.at) }
func (v value) bytes() []byte { return v.page.Bytes(v.at) }
func (v value) text() string  { return v.page.Text(v.at) }

// decoder keeps the first error of what values are turned into.
type decoder struct {
	err    error
	places []int32 // of the values of the rows at hand
}

func (dec *decoder) fail(err error) {
	if dec.err == nil {
		dec.err = err
	}
}
