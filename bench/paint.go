//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/holdfast-security/holdfast/bench/served"
)

// painted is what bench/paint.mjs prints: milliseconds from the navigation.
type painted struct {
	Page    string    `json:"page"`
	Cold    []float64 `json:"cold_ms"` // to the first contentful paint, nothing cached
	Warm    []float64 `json:"warm_ms"` // the same with the browser's cache
	Content []float64 `json:"content_ms"`
}

// paint measures how soon the console shows something in Chromium, and how soon
// it shows the page's data. Where there is no browser or the console was not
// built it says so and measures nothing.
func (b *bench) paint(ctx context.Context) (rows []row, err error) {
	if b.server == "" {
		return nil, nil
	}
	if missing := b.paintLacks(); missing != "" {
		b.progress("left out: %s", missing)
		return nil, nil
	}
	server, err := served.New(b.server, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	password, err := server.Password()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", "bench/paint.mjs", b.web, server.URL)
	cmd.Env = append(os.Environ(), "PASSWORD="+password)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("node bench/paint.mjs: %w", err)
	}
	var pages []painted
	if err := json.Unmarshal(out, &pages); err != nil {
		return nil, fmt.Errorf("node bench/paint.mjs printed %.200q: %w", out, err)
	}
	for _, p := range pages {
		note := fmt.Sprintf("first contentful paint in Chromium, median of %d; with a warm cache %.0f ms, with its data %.0f ms",
			len(p.Cold), quantile(p.Warm, 0.5), quantile(p.Content, 0.5))
		rows = append(rows, row{Name: "console: first paint of " + p.Page, Value: quantile(p.Cold, 0.5) / 1000, Unit: "s", Bar: atMost(1), Note: note})
	}
	return rows, nil
}

// paintLacks says what stands in the way of measuring, or "".
func (b *bench) paintLacks() string {
	for _, program := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			return "there is no program " + program
		}
	}
	if _, err := os.Stat(filepath.Join(b.web, "node_modules", "playwright-core")); err != nil {
		return "playwright-core is not in " + b.web + "/node_modules"
	}
	if _, err := os.Stat(filepath.Join(b.web, "dist", "index.html")); err != nil {
		return "the console was not built"
	}
	return ""
}
