package exception_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/exception"
	"github.com/holdfast-security/holdfast/finding"
)

// FuzzPattern compares * and ? with the regular expression that means the same.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"a*b?c", "aXXbYc"}, {"*a*a*", "aa"}, {"?ä*", "xä"}, {"a**", "a"}, {"*?", "\n"}, {"x?*y", "xy"}, {"*.so", "a.so.so"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		terms := except(is(finding.FieldCommandLine, finding.OpMatches, pattern))
		if text == "" || !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) || exception.Validate(terms) != nil {
			return
		}
		expression := strings.NewReplacer(`\*`, "(?s:.*)", `\?`, "(?s:.)").Replace(regexp.QuoteMeta(pattern))
		a := backup()
		a.Process.CommandLine = text
		if got, want := covers(t, terms, a), regexp.MustCompile("^(?:"+expression+")$").MatchString(text); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, text, got, want)
		}
	})
}

// FuzzException takes terms as they come over the wire and an alert of a
// hostile host.
func FuzzException(f *testing.F) {
	terms, err := json.Marshal(except(is(finding.FieldFile, finding.OpMatches, "/etc/*"), isNot(finding.FieldRemoteAddress, finding.OpCIDR, "10.0.0.0/8")))
	if err != nil {
		f.Fatal(err)
	}
	alert, err := json.Marshal(backup())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(terms, alert)
	f.Add([]byte(`{"name":"x","reason":"y","enabled":true,"scope":{"alert_types":["T"]},"whole_rule":true}`), []byte(`{"alert_type":"T","process":{}}`))
	f.Fuzz(func(t *testing.T, terms, alert []byte) {
		var e finding.Exception
		var a finding.Alert
		if json.Unmarshal(terms, &e.ExceptionTerms) != nil || json.Unmarshal(alert, &a) != nil {
			return
		}
		e.ID = "e"
		valid := exception.Validate(e.ExceptionTerms) == nil
		set, err := exception.Compile([]finding.Exception{e})
		if valid != (err == nil) && e.Enabled {
			t.Fatalf("valid is %v, but compiling says %v", valid, err)
		}
		if _, covered := set.Covering(&a, web, noon); covered && (!valid || !e.Active(noon)) {
			t.Error("an exception that is not in force covers")
		}
		suggested := exception.Suggest(&a, web)
		suggested.Reason = "because"
		if err := exception.Validate(suggested); err == nil && (a.Host != "" || a.Type != "") && !covers(t, suggested, &a) {
			t.Errorf("the suggestion %+v does not cover its alert", suggested)
		}
	})
}
