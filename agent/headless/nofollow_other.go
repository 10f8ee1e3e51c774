//go:build !unix

package headless

// noFollow has no counterpart here; the check before opening is all there is.
const noFollow = 0
