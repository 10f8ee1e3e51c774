//go:build !linux

// Package browser_test walks through the console in Chromium; on Linux only.
package browser_test
