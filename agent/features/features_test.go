package features_test

import (
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/agent/features"
	"github.com/holdfast-security/holdfast/policy"
)

func TestPoliciesKnowEveryFeature(t *testing.T) {
	var names []string
	for _, f := range features.All(features.Options{}) {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, policy.Features()) {
		t.Errorf("the agent has %q, policies know %q", names, policy.Features())
	}
}
