package parquetfile_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-security/holdfast/store/segment/parquetfile"
)

var update = flag.Bool("update", false, "write docs/telemetry-schema.md")

func TestReferenceIsFresh(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "telemetry-schema.md")
	want := parquetfile.Reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/telemetry-schema.md is not what the code says: go test ./store/segment/parquetfile -run Reference -update")
	}
}
