package expr

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/hunt/syntax"
	"github.com/holdfast-security/holdfast/hunt/value"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// named is a scope of values by name.
type named map[string]value.Value

// kinds of names whose value is absent.
var kinds = map[string]value.Kind{"no_text": value.Text, "no_number": value.Int, "no_time": value.Time, "no_address": value.Address, "no_list": value.List}

func (n named) Resolve(name string) (Expr, bool) {
	v, ok := n[name]
	kind := v.Kind()
	if v.IsAbsent() {
		kind, ok = kinds[name]
	}
	return Expr{Kind: kind, Eval: func(*Row) value.Value { return v }}, ok
}

func (n named) Names() []string { return []string{"line", "user", "pid", "time"} }

var scope = named{
	"line": value.OfText("/usr/bin/CURL -s http://x"), "user": value.OfText("root"), "pid": value.OfInt(42), "ratio": value.OfReal(0.5),
	"time": value.OfTime(now.Add(-time.Hour)), "took": value.OfDuration(90 * time.Second), "flag": value.OfBool(true),
	"ip": value.OfAddress(netip.MustParseAddr("10.1.2.3")), "ip6": value.OfAddress(netip.MustParseAddr("2001:db8::1")),
	"list": value.OfList([]string{"/bin/Bash", "/usr/sbin/sshd"}),
}

// compile returns the one expression of a where stage.
func compile(t *testing.T, text string) (Expr, []*syntax.Problem) {
	t.Helper()
	query := "events | where " + text
	q, p := syntax.Parse(query)
	if p != nil {
		t.Fatalf("%s: %v", text, p)
	}
	c := &Compiler{Query: query, Now: now, Scope: scope}
	x, ok := c.Compile(q.Stages[0].(*syntax.Where).Condition)
	if ok != (len(c.Problems) == 0) {
		t.Fatalf("%s: compiled %v with problems %v", text, ok, c.Problems)
	}
	return x, c.Problems
}

func TestConditions(t *testing.T) {
	for text, want := range map[string]bool{
		`user == "root"`:                               true,
		`user == "Root"`:                               false,
		`user =~ "Root"`:                               true,
		`user !~ "Root"`:                               false,
		`user != "root"`:                               false,
		`line contains "curl"`:                         true,
		`line contains_cs "curl"`:                      false,
		`line !contains "curl"`:                        false,
		`line has "curl"`:                              true,
		`line has "cur"`:                               false,
		`line startswith "/USR"`:                       true,
		`line endswith "X"`:                            true,
		`line endswith_cs "X"`:                         false,
		`line matches regex @"(?i)curl\s-s"`:           true,
		`line contains user`:                           false,
		`user in ("a", "root")`:                        true,
		`user in~ ("a", "ROOT")`:                       true,
		`user !in ("a", "root")`:                       false,
		`pid in (41, 42.0)`:                            true,
		`pid == 42 and pid < 43 and pid >= 42`:         true,
		`pid > 41.5`:                                   true,
		`pid between (42 .. 50)`:                       true,
		`pid !between (42 .. 50)`:                      false,
		`time > ago(2h)`:                               true,
		`time > ago(30m)`:                              false,
		`time < now() - 30m`:                           true,
		`now() - time == 1h`:                           true,
		`time between (datetime(2026-11-23) .. now())`: true,
		`took > 1m`:                                    true,
		`took * 2 == 3m`:                               true,
		`took / 45s == 2`:                              true,
		`flag`:                                         true,
		`flag == false`:                                false,
		`not flag or user == "root"`:                   true,
		`ip == "10.1.2.3"`:                             true,
		`ip in ("10.1.2.3", "10.1.2.4")`:               true,
		`ip == "::ffff:10.1.2.3"`:                      true,
		`ip in_cidr "10.0.0.0/8"`:                      true,
		`ip in_cidr "10.1.2.3"`:                        true,
		`ip !in_cidr "192.168.0.0/16"`:                 true,
		`ip6 in_cidr "2001:db8::/32"`:                  true,
		`ip startswith "10."`:                          true,
		`list == "/bin/Bash"`:                          true,
		`list =~ "/bin/bash"`:                          true,
		`list has "sshd"`:                              true,
		`list != "/bin/Bash"`:                          false,
		`list in ("x", "/usr/sbin/sshd")`:              true,
		`bin(time, 1d) == datetime(2026-11-23)`:        true,
		`bin(pid, 10) == 40`:                           true,
		`strlen(user) == 4`:                            true,
		`tolower(line) startswith_cs "/usr/bin/curl"`:  true,
		`basename("/a/b") == "b"`:                      true,
		`dirname("/a/b") == "/a"`:                      true,
		`strcat(user, "@", pid) == "root@42"`:          true,
		`coalesce(no_text, user) == "root"`:            true,
		`iff(flag, 1, 2) == 1`:                         true,
		`extract(@"//(\w+)", 1, line) == "x"`:          true,
		`tostring(pid) == "42"`:                        true,
		`pid / 0 == 1`:                                 false,
		`7 % 4 == 3 and 7 / 2 == 3 and 7 / 2.0 == 3.5`: true,
		`-pid < 0`:                                     true,

		// What is absent.
		`exists(no_text)`:                          false,
		`isempty(no_number)`:                       true,
		`no_text == ""`:                            true,
		`user == ""`:                               false,
		`no_text == "x"`:                           false,
		`no_text != "x"`:                           true,
		`no_text !contains "x"`:                    true,
		`no_text in ("x", "")`:                     true,
		`no_text < "x"`:                            false,
		`no_number < 5`:                            false,
		`no_number == 0`:                           false,
		`no_number != 0`:                           true,
		`not (no_number < 5)`:                      true,
		`no_time > ago(1d)`:                        false,
		`no_address in_cidr "0.0.0.0/0"`:           false,
		`no_list contains "x"`:                     false,
		`no_list !contains "x"`:                    true,
		`no_number + 1 == 1`:                       false,
		`strlen(no_text) == 0`:                     false,
		`bin(no_time, 1h) == datetime(2026-11-23)`: false,
	} {
		x, problems := compile(t, text)
		if len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
		} else if got := x.Test()(&Row{}); got != want || x.Eval(&Row{}).Bool() != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`usr == "x"`:                      `there is no field or column "usr" here; did you mean user?`,
		`pid == "42"`:                     `a number is compared with a text; write the number without quotes`,
		`user == 42`:                      `a text is compared with a number; write it in quotes`,
		`time > 1d`:                       `a moment is compared with a length of time; write ago(1d)`,
		`time > "2026-11-23"`:             `write datetime(2026-11-23) or ago(1d)`,
		`took > 5`:                        `write a unit`,
		`pid contains "4"`:                `contains is for texts, this is a number; compare it with`,
		`user contains 4`:                 `contains wants a text, this is a number; write it in quotes`,
		`line matches regex "("`:          `the pattern cannot be read: missing closing )`,
		`line matches regex "a(?=b)"`:     `patterns are RE2`,
		`line matches regex user`:         `a pattern has to be written out`,
		`line matches regex "a{1000}{9}"`: `the pattern cannot be read`,
		`ip == "10.0.0.0/8"`:              `"10.0.0.0/8" is no IP address; write in_cidr for a network`,
		`ip in_cidr "10.0.0.x/8"`:         `"10.0.0.x/8" is no network; write "10.0.0.0/8"`,
		`pid in_cidr "10.0.0.0/8"`:        `in_cidr is for addresses, this is a number`,
		`user + 1 == 2`:                   `a text + a number cannot be computed; strcat(a, b) joins texts`,
		`flag < true`:                     `a truth value is neither more nor less than another`,
		`not pid`:                         `this is a number, not a condition; compare it with something`,
		`pid and flag`:                    `this is a number, not a condition`,
		`ago(5) < time`:                   `this has to be a length of time, it is a number; write a unit`,
		`strlen(pid) == 2`:                `this has to be a text, it is a number`,
		`strlen(user, user) == 2`:         `strlen takes other arguments; write strlen(command_line)`,
		`strln(user) == 2`:                `there is no function "strln"; did you mean strlen?`,
		`count() > 5`:                     `count is for summarize only; write | summarize count(…) by …`,
		`bin(time, 5) == time`:            `this has to be a length of time`,
		`bin(time, 0s) == time`:           `the step has to be written out, and more than zero`,
		`iff(flag, 1, "x") == 1`:          `this has to be a number, it is a text`,
		`extract("a", 1, line) == "x"`:    `the pattern has no such group`,
		`user in ("a", 5)`:                `a text is compared with a number`,
		`pid between ("a" .. 5)`:          `a number is compared with a text`,
		`-user == 1`:                      `a text has no negative`,
		`coalesce(user, pid) == "x"`:      `this has to be a text, it is a number`,
		`usr == "x" and lin == "y"`:       `did you mean line?`,
		`line matches regex "` + strings.Repeat("a", MaxPattern+1) + `"`:                     `the pattern is longer`,
		strings.Repeat(`line matches regex "a" or `, MaxPatterns) + `line matches regex "b"`: `there are more than 32 patterns; join them by |`,
	} {
		_, problems := compile(t, text)
		var all []string
		for _, p := range problems {
			all = append(all, p.Error())
		}
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, all, want)
		}
	}
}
