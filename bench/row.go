//go:build linux

package main

import "github.com/holdfast-security/holdfast/bench/table"

// The words of the table, which stand in every part.
type (
	row = table.Row
	bar = table.Bar
)

func atMost(limit float64) *bar  { return table.AtMost(limit) }
func atLeast(limit float64) *bar { return table.AtLeast(limit) }
