//go:build !unix

package cli

import "os"

// windowColumns knows terminals only on Unix: elsewhere output is plain and of
// the default width.
func windowColumns(*os.File) (columns int, ok bool) { return 0, false }
