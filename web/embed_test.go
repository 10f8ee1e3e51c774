package web

import (
	"bytes"
	"io/fs"
	"testing"
)

// Whether the console was built depends on the machine; what it must look like
// does not.
func TestFilesHoldConsoleOrPlaceholder(t *testing.T) {
	if !Built() {
		if _, err := fs.Stat(Files(), "placeholder.txt"); err != nil {
			t.Fatalf("neither a console nor the placeholder: %v", err)
		}
		return
	}
	page, err := fs.ReadFile(Files(), index)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte(NoncePlaceholder)); n != 1 {
		t.Errorf("index.html holds the placeholder of the nonce %d times, want once", n)
	}
	for _, inline := range []string{"<style", "javascript:", " onload=", "http://", "https://"} {
		if bytes.Contains(page, []byte(inline)) {
			t.Errorf("index.html holds %q, which the content security policy refuses", inline)
		}
	}
}
