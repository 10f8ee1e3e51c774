package fields_test

import (
	"slices"
	"testing"

	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/rules/rulefiles"
)

func TestUnknown(t *testing.T) {
	const text = `
title: download
name: download
logsource: {product: linux, category: process_creation}
detection: {s: {DownloadPath|exists: true, Imgae|endswith: /sh, Image|fieldref: ParentImgae}, condition: s}
holdfast: {story: "{User} ran {file}", remediation: ["Look at {TargetFilename}."]}
---
title: write
name: write
logsource: {product: linux, category: file_event}
detection: {s: {TargetFilename|startswith: /tmp/}, condition: s}
---
title: both
correlation:
  type: temporal
  rules: [download, write]
  aliases: {file: {download: DownloadPath, write: TargetFilename}}
  group-by: [file]
  timespan: 1m
holdfast: {story: "{file} by {Image}"}
---
title: records
logsource: {product: linux, service: auditd}
detection: {s: {syscall: ptrace}, condition: s}
`
	rules, err := sigma.Parse("t.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"Imgae", "ParentImgae", "file", "TargetFilename"}, nil, {"file"}, nil}
	for i, rule := range rules {
		if got := fields.Unknown(rule); !slices.Equal(got, want[i]) {
			t.Errorf("%s: got %q, want %q", rule.Title, got, want[i])
		}
	}
}

func TestOwnRulesNameFieldsThatEventsHave(t *testing.T) {
	for _, rule := range rulefiles.Embedded().Rules {
		for _, name := range fields.Unknown(rule) {
			t.Errorf("%s:%d: no event of log source %s has a field %s", rule.Path, rule.Line, rule.LogSource, name)
		}
	}
}
