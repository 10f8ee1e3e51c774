//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// row is one measured figure. Its JSON form is what `make bench` writes.
// Fields that do not apply are null.
type row struct {
	Name      string   `json:"name"`
	Value     float64  `json:"value"`
	Unit      string   `json:"unit"`
	Bar       *bar     `json:"bar"`       // what the value has to hold
	Peer      string   `json:"peer"`      // what was measured beside it, in the same run; "" for nothing
	PeerValue *float64 `json:"peerValue"` // in the same unit
	Ratio     *float64 `json:"ratio"`     // value / peerValue
	Note      string   `json:"note,omitempty"`
}

// bar is a limit: at most or at least so much.
type bar struct {
	Limit float64
	Least bool
}

func atMost(limit float64) *bar  { return &bar{Limit: limit} }
func atLeast(limit float64) *bar { return &bar{Limit: limit, Least: true} }

// String returns the bar as people read it, for example "<= 60".
func (b *bar) String() string {
	switch {
	case b == nil:
		return ""
	case b.Least:
		return ">= " + figure(b.Limit)
	default:
		return "<= " + figure(b.Limit)
	}
}

// MarshalText makes the bar a string in JSON.
func (b *bar) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// held reports whether value satisfies the bar.
func (b *bar) held(value float64) bool {
	return b == nil || b.Least && value >= b.Limit || !b.Least && value <= b.Limit
}

// beside returns r with the peer's figure and the ratio.
func (r row) beside(peer string, value float64) row {
	r.Peer, r.PeerValue = peer, &value
	if value != 0 {
		ratio := r.Value / value
		r.Ratio = &ratio
	}
	return r
}

// verdict is "ok", "MISSED", or nothing where there is no bar.
func (r row) verdict() string {
	switch {
	case r.Bar == nil:
		return ""
	case r.Bar.held(r.Value):
		return "ok"
	default:
		return "MISSED"
	}
}

// cells are the row's columns as text.
func (r row) cells() []string {
	peer, ratio := r.Peer, ""
	if r.PeerValue != nil {
		peer = fmt.Sprintf("%s: %s", r.Peer, figure(*r.PeerValue))
	}
	if r.Ratio != nil {
		ratio = strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
	}
	return []string{r.Name, figure(r.Value), r.Unit, r.Bar.String(), r.verdict(), peer, ratio, r.Note}
}

var columns = []string{"name", "value", "unit", "bar", "", "peer", "ratio", "note"}

// figure writes a number with about three significant digits.
func figure(v float64) string {
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

// writeTable writes rows for a terminal.
func writeTable(w io.Writer, rows []row) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{columns}, cellsOf(rows)...) {
		for _, c := range cells {
			fmt.Fprintf(tw, "%s\t", c)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// writeMarkdown writes rows as a Markdown table.
func writeMarkdown(w *bytes.Buffer, rows []row) {
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

func cellsOf(rows []row) [][]string {
	var all [][]string
	for _, r := range rows {
		all = append(all, r.cells())
	}
	return all
}

// writeJSON writes rows as one JSON object per line.
func writeJSON(w io.Writer, rows []row) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // bars hold "<"
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
