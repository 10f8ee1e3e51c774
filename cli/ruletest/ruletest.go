// Package ruletest runs detection rules on the samples that lie beside them.
//
// Two layouts are known. Holdfast's: beside NAME.yml a NAME.txtar with the
// files match-*.log, of which each must make a rule of NAME.yml match, and
// nomatch-*.log, which must not. SigmaHQ's: below regression_data a folder for
// each rule with info.yml, which names the rule and its events. A sample whose
// name ends in .json is JSON objects, .log is any log that the reader of logs
// knows, and of anything else each line is a message; what does not say where
// it is from counts as from the log source of its rule.
//
// Each sample meets an empty memory, so that none depends on the one before.
package ruletest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/cli/input"
	"github.com/holdfast-security/holdfast/cli/replay"
	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/fields"
	"github.com/holdfast-security/holdfast/detect/sigma"
	"github.com/holdfast-security/holdfast/event"
)

// Result is what came of one sample. Its JSON form is API.
type Result struct {
	Rule   string `json:"rule"`   // path of the rule file
	Sample string `json:"sample"` // path of the sample, or archive:name
	Want   bool   `json:"want"`   // whether it is to match
	Events int    `json:"events"` // that the sample holds
	Hits   int    `json:"hits"`   // matches of the rules of the file
	Passed bool   `json:"passed"`
	Reason string `json:"reason"` // why it did not pass, or ""
}

// maxSample bounds a file with samples.
const maxSample = 64 << 20

// sample is some events and what they are to do.
type sample struct {
	Result
	rules  []*sigma.Rule // of which one is to match
	least  int           // how many matches there are to be at least
	format string        // json, log or another
	data   []byte
}

// Run runs the samples below a directory, in the order of their paths, with the
// rules of the set. What cannot be read is a result that did not pass. The
// error is for a directory that cannot be walked or holds no samples.
func Run(set *detect.Ruleset, dir string) ([]Result, error) {
	r := runner{set: set, matcher: set.NewMatcher(detect.Limits{}), mappers: make(map[sigma.LogSource]*fields.JSONMapper)}
	var results []Result
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, s := range find(set, path) {
			if s.Reason == "" {
				r.run(&s)
			}
			results = append(results, s.Result)
		}
		return nil
	})
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("no samples below %s: put NAME.txtar beside NAME.yml", dir)
	}
	return results, err
}

type runner struct {
	set     *detect.Ruleset
	matcher *detect.Matcher
	mappers map[sigma.LogSource]*fields.JSONMapper
}

// run fills in the result of a sample.
func (r *runner) run(s *sample) {
	r.matcher.Use(r.set.NewMemory(detect.Limits{}))
	match := func(d *detect.Document) {
		r.matcher.Match(d, func(m detect.Match) {
			if slices.Contains(s.rules, m.Rule) {
				s.Hits++
			}
		})
	}
	var err error
	if s.format == "log" {
		err = r.lines(s, match)
	} else {
		err = r.objects(s, match)
	}
	switch {
	case err != nil:
		s.Reason = err.Error()
	case s.Events == 0:
		s.Reason = "the sample holds no event"
	case s.Want && s.Hits == 0:
		s.Reason = "no rule of the file matches"
	case !s.Want && s.Hits > 0:
		s.Reason = "a rule of the file matches"
	case s.Hits < s.least:
		s.Reason = fmt.Sprintf("%d matches, want %d", s.Hits, s.least)
	}
	s.Passed = s.Reason == ""
}

// lines reads a log.
func (r *runner) lines(s *sample, match func(*detect.Document)) error {
	mapper := fields.NewMapper(r.set)
	reader := replay.NewReader(replay.Options{
		RawRecords: true,
		Events: func(events []*event.Event) {
			for _, ev := range events {
				mapper.Each(ev, match)
			}
		},
		Foreign: func(line []byte) error {
			d, err := r.mapper(s).Map(line, nil)
			if err == nil {
				match(d)
			}
			return err
		},
	})
	reader.Open(s.Sample, time.Time{})
	number := 0
	for line := range strings.Lines(string(s.data)) {
		number++
		reader.Line(input.Line{Text: []byte(strings.TrimRight(line, "\r\n")), Number: number})
	}
	reader.Flush()
	stats := reader.Stats()
	s.Events = stats.Events
	if stats.Skipped > 0 {
		return fmt.Errorf("%d lines tell of no event", stats.Skipped)
	}
	return nil
}

// objects reads JSON, or lines as messages.
func (r *runner) objects(s *sample, match func(*detect.Document)) error {
	mapper := r.mapper(s)
	each := func(object []byte) error {
		s.Events++
		d, err := mapper.Map(object, nil)
		if err == nil {
			match(d)
		}
		return err
	}
	if s.format != "json" {
		for line := range strings.Lines(string(s.data)) {
			object, err := json.Marshal(map[string]string{"message": strings.TrimRight(line, "\r\n")})
			if err == nil {
				err = each(object)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(s.data)))
	for {
		var object json.RawMessage
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("not JSON: %w", err)
		}
		if err := each(object); err != nil {
			return err
		}
	}
}

// mapper returns the mapper of objects that are from the log source of the
// sample's rule unless they say otherwise.
func (r *runner) mapper(s *sample) *fields.JSONMapper {
	source := s.rules[0].LogSource
	for _, rule := range s.rules {
		source = cmp.Or(source, rule.LogSource) // correlations have none
	}
	mapper := r.mappers[source]
	if mapper == nil {
		mapper = fields.NewJSONMapper(r.set, source)
		r.mappers[source] = mapper
	}
	return mapper
}

// read returns a file of at most maxSample bytes.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSample+1))
	if err == nil && len(data) > maxSample {
		err = fmt.Errorf("the file is larger than %d bytes", maxSample)
	}
	return data, err
}
