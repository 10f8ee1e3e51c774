package parquetfile

import (
	"bytes"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile/escape"
)

// Columns that a text is looked for in: the same as those of [choice.Query.Matches].
var (
	eventTexts = indexes("event.message", "event.user.name", "event.file.path", "event.file.new_path", "event.logon.src_ip",
		"event.logon.src_host", "event.logon.command", "event.network.src_ip", "event.network.dst_ip")
	imageTexts = indexes("process.cmd_line", "process.file.path", "process.user.name", "process.effective_user.name", "process.login_user.name")
	eventUsers = indexes("event.user.uid", "event.user.name")
	imageUsers = indexes("process.user.uid", "process.user.name", "process.effective_user.uid", "process.effective_user.name",
		"process.login_user.uid", "process.login_user.name")
)

func indexes(paths ...string) []int {
	list := make([]int, len(paths))
	for i, p := range paths {
		list[i] = layout.index(p)
	}
	return list
}

// allRows are the numbers of the rows of a page.
var allRows = func() []int32 {
	rows := make([]int32, PageRows)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}()

// anyText sets the rows of page n in which one of the columns holds the text.
func (s *search) anyText(r *groupReader, columns []int, n int, out []bool) error {
	for _, c := range columns {
		p, err := r.page(c, n)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		p.OrText(allRows[:len(out)], s.Needle.InColumn, out)
	}
	return nil
}

// anyUser sets the rows of page n in which one of the columns, which are
// numbers and names in turn, is the user's.
func (s *search) anyUser(r *groupReader, columns []int, n int, out []bool) error {
	name := []byte(escape.Text(s.User))
	for i, c := range columns {
		p, err := r.page(c, n)
		if err != nil {
			return err
		}
		switch {
		case p == nil:
		case i%2 == 1:
			p.OrText(allRows[:len(out)], func(b []byte) bool { return bytes.Equal(b, name) }, out)
		case s.UID >= 0:
			p.Or(allRows[:len(out)], out, func(at int32) bool { return uint32(p.Num(int(at))) == uint32(s.UID) })
		}
	}
	return nil
}
