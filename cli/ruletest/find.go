package ruletest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/detect/sigma/document"
)

// find returns the samples that a file holds or names.
func find(set *detect.Ruleset, path string) []sample {
	switch {
	case strings.EqualFold(filepath.Ext(path), ".txtar"):
		return archived(set, path)
	case filepath.Base(path) == "info.yml":
		return described(set, path)
	}
	return nil
}

// archived returns the samples of an archive beside a rule file.
func archived(set *detect.Ruleset, path string) []sample {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	var rules []*sigma.Rule
	for _, rule := range set.Rules() {
		if rule.Path == base+".yml" || rule.Path == base+".yaml" {
			rules = append(rules, rule)
		}
	}
	failed := sample{Result: Result{Rule: base + ".yml", Sample: path}}
	if len(rules) == 0 {
		failed.Reason = "no rule of that file can be used"
		return []sample{failed}
	}
	data, err := read(path)
	if err != nil {
		failed.Reason = err.Error()
		return []sample{failed}
	}
	var samples []sample
	for _, file := range unpack(data) {
		s := sample{rules: rules, data: file.data, format: strings.TrimPrefix(filepath.Ext(file.name), ".")}
		s.Result = Result{Rule: rules[0].Path, Sample: path + ":" + file.name, Want: strings.HasPrefix(file.name, "match-")}
		if !s.Want && !strings.HasPrefix(file.name, "nomatch-") {
			s.Reason = "the name begins neither with match- nor with nomatch-"
		}
		samples = append(samples, s)
	}
	return samples
}

// packed is a file of an archive.
type packed struct {
	name string
	data []byte
}

// unpack reads an archive in the txtar form of the Go project: a line
// "-- name --" before each file, and a comment before the first.
func unpack(data []byte) []packed {
	var files []packed
	for line := range bytes.Lines(data) {
		name, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r\n"), "-- ")
		if name, is := strings.CutSuffix(name, " --"); ok && is && strings.TrimSpace(name) != "" {
			files = append(files, packed{name: strings.TrimSpace(name)})
		} else if n := len(files); n > 0 {
			files[n-1].data = append(files[n-1].data, line...)
		}
	}
	return files
}

// described returns the events that an info.yml names, for the rules that it
// names.
func described(set *detect.Ruleset, path string) []sample {
	failed := sample{Result: Result{Sample: path, Want: true}}
	data, err := read(path)
	if err != nil {
		failed.Reason = err.Error()
		return []sample{failed}
	}
	docs, err := document.Split(path, data)
	if err != nil {
		failed.Reason = err.Error()
		return []sample{failed}
	}
	tests, metadata := docs[0].Of("regression_tests_info"), docs[0].Of("rule_metadata")
	if tests == nil || metadata == nil {
		return nil // another info.yml
	}
	rules, missing := named(set, metadata)
	if len(rules) == 0 {
		failed.Rule, failed.Reason = missing, fmt.Sprintf("rule %s is not there, or cannot be used", missing)
		return []sample{failed}
	}
	var samples []sample
	for _, test := range tests.Items {
		samples = append(samples, recorded(path, rules, test))
	}
	return samples
}

// named returns the rules with the ids in a list, and the last that is missing.
func named(set *detect.Ruleset, metadata *document.Node) (rules []*sigma.Rule, missing string) {
	for _, entry := range metadata.Items {
		id := entry.Of("id")
		if id == nil {
			continue
		}
		before := len(rules)
		for _, rule := range set.Rules() {
			if strings.EqualFold(rule.ID, id.Text) {
				rules = append(rules, rule)
			}
		}
		if len(rules) == before {
			missing = id.Text
		}
	}
	return rules, missing
}

// recorded returns the sample of one test of an info.yml, whose path is relative
// to a folder above. Of an event log the same events as JSON are taken.
func recorded(info string, rules []*sigma.Rule, test *document.Node) sample {
	s := sample{rules: rules, Result: Result{Rule: rules[0].Path, Sample: info, Want: true}}
	name := test.Of("path")
	if name == nil {
		s.Reason = "the test names no path"
		return s
	}
	if count := test.Of("match_count"); count != nil {
		s.least, _ = strconv.Atoi(count.Text) // 0 for what is no number
	}
	s.Sample = filepath.Join(filepath.Dir(info), filepath.Base(filepath.FromSlash(name.Text)))
	if ext := filepath.Ext(s.Sample); strings.EqualFold(ext, ".evtx") {
		s.Sample = strings.TrimSuffix(s.Sample, ext) + ".json"
	}
	s.format = strings.TrimPrefix(filepath.Ext(s.Sample), ".")
	data, err := read(s.Sample)
	if err != nil {
		s.Reason = err.Error()
	}
	s.data = data
	return s
}
