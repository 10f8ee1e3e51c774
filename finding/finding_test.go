package finding_test

import (
	"encoding/json"
	"testing"

	"github.com/holdfast-security/holdfast/finding"
)

func TestSeverityNames(t *testing.T) {
	for s := finding.Informational; s <= finding.High; s++ {
		back, err := finding.ParseSeverity(s.String())
		if err != nil || back != s {
			t.Errorf("severity %d is %q, which reads back as %v, %v", s, s, back, err)
		}
	}
	if finding.Low >= finding.Medium || finding.Medium >= finding.High {
		t.Error("severities do not ascend")
	}
	for _, bad := range []string{"", "HIGH", "critical", "severity-9"} {
		if _, err := finding.ParseSeverity(bad); err == nil {
			t.Errorf("severity %q was accepted", bad)
		}
	}
}

func TestAlertJSONNames(t *testing.T) {
	data, err := json.Marshal(finding.Alert{Type: "VM_X", Severity: finding.High})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"alert_type": "VM_X", "severity": "high", "count": 0.0} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	var back finding.Alert
	if err := json.Unmarshal(data, &back); err != nil || back.Severity != finding.High {
		t.Errorf("alert reads back as %+v, %v", back, err)
	}
}
