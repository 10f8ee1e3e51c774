package main

import (
	"bytes"
	"os"
	"testing"
)

func TestClientIsFresh(t *testing.T) {
	want, err := client(root, document)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is not what %s says; run make generate", target, document)
	}
}
