package cputime_test

import (
	"testing"

	"github.com/holdfast-security/holdfast/internal/cputime"
)

func TestTimeIsUsed(t *testing.T) {
	before := cputime.Used()
	for cputime.Used() == before { // what asks uses time
	}
	if after := cputime.Used(); after < before {
		t.Errorf("%v, then %v", before, after)
	}
}
