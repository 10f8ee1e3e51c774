// Package web holds the console: a program for browsers, built from the
// TypeScript in this folder and embedded here. It serves nothing itself;
// server/api does, with its headers.
//
// A checkout builds without Node.js. The console is then left out, [Built]
// says so, and the server tells whoever opens it.
package web

import (
	"embed"
	"io/fs"
)

// "all:" because file names that the bundler makes may begin with "_".
//
//go:embed all:dist
var dist embed.FS

// index is the page that loads the console, as the bundler names it.
const index = "index.html"

// Files returns the files of the console, index.html at the root. In
// index.html the text [NoncePlaceholder] stands where the nonce of the
// response's content security policy belongs.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: " + err.Error()) // the name is a valid constant
	}
	return sub
}

// NoncePlaceholder is the text in index.html that the server replaces, in each
// response, by the nonce of its content security policy: the console's
// component library adds style elements at run time.
const NoncePlaceholder = "__CSP_NONCE__"

// Built reports whether this program was compiled with the console.
func Built() bool {
	_, err := fs.Stat(Files(), index)
	return err == nil
}

// NotBuilt is what to tell whoever opens a console that was left out.
const NotBuilt = "This server was compiled without its console. Run `make console build` where Node.js 20.19 or newer is installed, or use the command line: holdfast alerts list."
