// Package table writes measured figures as a table, beside the bars that they
// have to hold and what peers did in the same run.
package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// Row is one measured figure. Its JSON form is what `make bench` writes.
// Fields that do not apply are null.
type Row struct {
	Name      string   `json:"name"`
	Value     float64  `json:"value"`
	Unit      string   `json:"unit"`
	Bar       *Bar     `json:"bar"`       // what the value has to hold
	Peer      string   `json:"peer"`      // what was measured beside it, in the same run; "" for nothing
	PeerValue *float64 `json:"peerValue"` // in the same unit
	Ratio     *float64 `json:"ratio"`     // value / peerValue
	Note      string   `json:"note,omitempty"`
}

// Bar is a limit: at most or at least so much.
type Bar struct {
	Limit float64
	Least bool
}

// AtMost returns the bar that values up to the limit hold.
func AtMost(limit float64) *Bar { return &Bar{Limit: limit} }

// AtLeast returns the bar that values from the limit on hold.
func AtLeast(limit float64) *Bar { return &Bar{Limit: limit, Least: true} }

// String returns the bar as people read it, for example "<= 60".
func (b *Bar) String() string {
	switch {
	case b == nil:
		return ""
	case b.Least:
		return ">= " + Figure(b.Limit)
	default:
		return "<= " + Figure(b.Limit)
	}
}

// MarshalText makes the bar a string in JSON.
func (b *Bar) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// held reports whether value satisfies the bar.
func (b *Bar) held(value float64) bool {
	return b == nil || b.Least && value >= b.Limit || !b.Least && value <= b.Limit
}

// Beside returns r with the peer's figure and the ratio.
func (r Row) Beside(peer string, value float64) Row {
	r.Peer, r.PeerValue = peer, &value
	if value != 0 {
		ratio := r.Value / value
		r.Ratio = &ratio
	}
	return r
}

// Verdict is "ok", "MISSED", or nothing where there is no bar.
func (r Row) Verdict() string {
	switch {
	case r.Bar == nil:
		return ""
	case r.Bar.held(r.Value):
		return "ok"
	default:
		return "MISSED"
	}
}

// Cells are the row's columns as text.
func (r Row) Cells() []string {
	peer, ratio := r.Peer, ""
	if r.PeerValue != nil {
		peer = fmt.Sprintf("%s: %s", r.Peer, Figure(*r.PeerValue))
	}
	if r.Ratio != nil {
		ratio = strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
	}
	return []string{r.Name, Figure(r.Value), r.Unit, r.Bar.String(), r.Verdict(), peer, ratio, r.Note}
}

var columns = []string{"name", "value", "unit", "bar", "", "peer", "ratio", "note"}

// Figure writes a number with about three significant digits.
func Figure(v float64) string {
	switch size := math.Abs(v); {
	case v == math.Trunc(v) || size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

// Write writes rows for a terminal.
func Write(w io.Writer, rows []Row) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{columns}, cellsOf(rows)...) {
		for _, c := range cells {
			fmt.Fprintf(tw, "%s\t", c)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// WriteMarkdown writes rows as a Markdown table.
func WriteMarkdown(w *bytes.Buffer, rows []Row) {
	for i, cells := range append([][]string{columns}, cellsOf(rows)...) {
		for _, c := range cells {
			fmt.Fprintf(w, "| %s ", c)
		}
		w.WriteString("|\n")
		if i == 0 {
			w.WriteString("|---|---:|---|---|---|---|---:|---|\n")
		}
	}
}

func cellsOf(rows []Row) [][]string {
	var all [][]string
	for _, r := range rows {
		all = append(all, r.Cells())
	}
	return all
}

// WriteJSON writes rows as one JSON object per line.
func WriteJSON(w io.Writer, rows []Row) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // bars hold "<"
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
