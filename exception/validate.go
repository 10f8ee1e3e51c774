package exception

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/internal/spelling"
)

// Bounds of an exception. Lengths of texts are in bytes unless they say
// otherwise.
const (
	MaxName       = 128  // characters
	MaxReason     = 1024 // characters
	MaxConditions = 32
	MaxValues     = 64 // of a condition
	MaxValue      = 4096
	MaxPattern    = 1024 // of a value with * and ?
	MaxHosts      = 256
	MaxLabels     = 32
	MaxRules      = 64 // and as many alert types
	maxWord       = 255
)

// Validate says in one sentence what is wrong with the terms of an exception,
// or returns nil.
func Validate(t finding.ExceptionTerms) error {
	if err := validateWords("name", t.Name, MaxName, false); err != nil {
		return err
	}
	if err := validateWords("reason", t.Reason, MaxReason, true); err != nil {
		return err
	}
	if err := validateScope(t.Scope); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	if len(t.Match) > MaxConditions {
		return fmt.Errorf("match: %d conditions are more than the %d that an exception may have", len(t.Match), MaxConditions)
	}
	for i, m := range t.Match {
		if err := validateCondition(m); err != nil {
			return fmt.Errorf("match[%d]: %w", i, err)
		}
	}
	if Whole(t) && !t.WholeRule {
		return errors.New("match: an exception needs a condition that says what the alert must have (one without not); " +
			"to except everything of its rules or types, set whole_rule")
	}
	return nil
}

// Whole reports whether an exception covers everything of its rules or types
// but for what it names: no condition says what the alert must have.
func Whole(t finding.ExceptionTerms) bool {
	return !slices.ContainsFunc(t.Match, func(m finding.Condition) bool { return !m.Not })
}

func validateWords(what, s string, most int, lines bool) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("%s: it must not be empty", what)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: it is not UTF-8 text", what)
	case utf8.RuneCountInString(s) > most:
		return fmt.Errorf("%s: it is longer than %d characters", what, most)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n' && r != '\t') }) {
		return fmt.Errorf("%s: it has control characters", what)
	}
	return nil
}

func validateScope(s finding.ExceptionScope) error {
	switch {
	case len(s.Rules) == 0 && len(s.Types) == 0:
		return errors.New("name at least one rule or alert type")
	case len(s.Rules) > MaxRules:
		return fmt.Errorf("rules: at most %d", MaxRules)
	case len(s.Types) > MaxRules:
		return fmt.Errorf("alert_types: at most %d", MaxRules)
	case len(s.Hosts) > MaxHosts:
		return fmt.Errorf("hosts: at most %d; use labels for more", MaxHosts)
	case len(s.Labels) > MaxLabels:
		return fmt.Errorf("labels: at most %d", MaxLabels)
	}
	for _, kind := range s.Kinds {
		if kind != finding.ExceptionKindAlert {
			return fmt.Errorf("kinds: %q is not one of %q", kind, finding.ExceptionKindAlert)
		}
	}
	if err := errors.Join(validateList("rules", s.Rules), validateList("alert_types", s.Types), validateList("hosts", s.Hosts)); err != nil {
		return err
	}
	for key, v := range s.Labels {
		if key == "" || len(key) > maxWord || len(v) > maxWord {
			return fmt.Errorf("labels: %s is not the name of a label, or its value is longer than %d bytes", strconv.Quote(key), maxWord)
		}
	}
	return nil
}

func validateList[T ~string](what string, list []T) error {
	for _, v := range list {
		if v == "" || len(v) > maxWord || !utf8.ValidString(string(v)) {
			return fmt.Errorf("%s: an entry has to be a text of 1 to %d bytes", what, maxWord)
		}
	}
	return nil
}

func validateCondition(m finding.Condition) error {
	if place(m.Field) < 0 {
		return unknownWord("field", m.Field, finding.ConditionFields())
	}
	if !slices.Contains(finding.ConditionOps(), m.Op) {
		return unknownWord("op", m.Op, finding.ConditionOps())
	}
	if m.Op == finding.OpCIDR && m.Field != finding.FieldRemoteAddress {
		return fmt.Errorf("op: cidr is for %s, not for %s", finding.FieldRemoteAddress, m.Field)
	}
	if n := len(m.Values); n == 0 || n > MaxValues {
		return fmt.Errorf("values: give 1 to %d of them", MaxValues)
	}
	for _, v := range m.Values {
		if err := validateValue(m, v); err != nil {
			return fmt.Errorf("values: %w", err)
		}
	}
	return nil
}

// unknownWord says which word was perhaps meant.
func unknownWord[T ~string](what string, given T, known []T) error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	if meant := spelling.Nearest(string(given), names); meant != "" {
		return fmt.Errorf("%s: %q is unknown; did you mean %q?", what, given, meant)
	}
	return fmt.Errorf("%s: %q is not one of %s", what, given, strings.Join(names, ", "))
}

func validateValue(m finding.Condition, v string) error {
	switch {
	case v == "":
		return errors.New("a value must not be empty")
	case len(v) > MaxValue:
		return fmt.Errorf("a value is longer than %d bytes", MaxValue)
	case !utf8.ValidString(v) || strings.ContainsRune(v, utf8.RuneError):
		return errors.New("a value has bytes that are not UTF-8, which no exception can name")
	}
	switch {
	case m.Op == finding.OpMatches && len(v) > MaxPattern:
		return fmt.Errorf("a pattern is longer than %d bytes", MaxPattern)
	case m.Op == finding.OpMatches && strings.Trim(v, "*?") == "":
		return fmt.Errorf("%q matches everything; a pattern needs more than * and ?", v)
	case m.Op == finding.OpCIDR:
		_, err := parseNetwork(v)
		return err
	case m.Op != finding.OpEquals:
		return nil
	}
	if _, err := netip.ParseAddr(v); m.Field == finding.FieldRemoteAddress && err != nil {
		return fmt.Errorf("%q is no IP address; for networks use the op cidr", v)
	}
	if n, err := strconv.ParseUint(v, 10, 16); m.Field == finding.FieldRemotePort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != v) {
		return fmt.Errorf("%q is no port from 1 to 65535", v)
	}
	return nil
}

// parseNetwork reads a network, or an address for the network of it alone.
func parseNetwork(v string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(v)
	if a, notAddress := netip.ParseAddr(v); notAddress == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil:
		return network, fmt.Errorf("%q is no network such as 10.0.0.0/8 or 2001:db8::/32", v)
	case network.Bits() == 0:
		return network, fmt.Errorf("%q are all addresses; leave the condition out", v)
	case network.Addr().Is4In6():
		return network, fmt.Errorf("%q is an IPv4 network in the form of IPv6; write it as IPv4", v)
	}
	return network.Masked(), nil
}
