package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/store"
)

func (o *others) List() []api.Rule { return []api.Rule{{ID: "r1", Title: "Rule"}} }

func (o *others) Reload(context.Context) (int, error) { return 1, nil }

func (o *others) Rule(id string) (api.RuleDetail, error) {
	if id != "r1" {
		return api.RuleDetail{}, store.ErrNotFound
	}
	return api.RuleDetail{Rule: o.List()[0], Text: "title: Rule\n", Line: 1}, nil
}

// Save refuses texts that say so.
func (o *others) Save(ctx context.Context, changes []store.RuleDocChange, by string) error {
	for _, c := range changes {
		if strings.Contains(c.Text, "bad") {
			return fmt.Errorf("%w: %s:1: it is bad", account.ErrInvalid, c.Name)
		}
	}
	return o.state.ChangeRuleDocs(ctx, changes, by, time.Now())
}

func (o *others) Push(_ context.Context, p api.RulePush, _ string) (api.RulePushed, error) {
	done := api.RulePushed{Added: []string{}, Changed: []string{}, Removed: []string{}, Refused: []api.RuleProblem{}}
	for _, d := range p.Docs {
		if strings.Contains(d.Text, "bad") {
			done.Refused = append(done.Refused, api.RuleProblem{Name: d.Name, Line: 1, Reason: "it is bad"})
		}
		done.Added = append(done.Added, d.Name)
	}
	return done, nil
}

func (o *others) Check(q api.RuleText) api.RuleCheck {
	return api.RuleCheck{Rules: []api.CheckedRule{}, Problems: []api.RuleProblem{{Line: len(q.Text), Reason: "it is bad"}}}
}

func (o *others) DryRun(_ context.Context, who string, _ api.RuleDryRun) (api.RuleDryRunResult, error) {
	if who != "responder" && who != "admin" && who != "approver" {
		return api.RuleDryRunResult{}, account.ErrForbidden
	}
	return api.RuleDryRunResult{Scanned: 7, Complete: true}, nil
}

func (o *others) Coverage(alerts map[string]int64) api.RuleCoverage {
	one := api.TechniqueCoverage{Technique: "T1059", Rules: []string{"r1"}, Live: 1, Alerts: alerts["r1"]}
	return api.RuleCoverage{Version: "1", Tactics: []api.TacticCoverage{{Tactic: "execution", Techniques: []api.TechniqueCoverage{one}}}}
}

func TestRuleDocuments(t *testing.T) {
	f := newFixture(t)
	reader, approver := f.logon(t, "reader"), f.logon(t, "approver")
	const path = "/api/v1/rule-docs/document?name=web/shells.yml"
	put := func(text, state string) string {
		return fmt.Sprintf(`{"text":%q,"state":%q,"note":"why"}`, text, state)
	}
	reader.want(t, http.StatusForbidden, "PUT", path, put("title: A", "draft"), nil)
	reader.want(t, http.StatusNotFound, "GET", path, "", nil)
	approver.want(t, http.StatusUnprocessableEntity, "PUT", path, put("title: A", "alive"), nil)
	approver.want(t, http.StatusUnprocessableEntity, "PUT", path, put("bad", "live"), nil)
	approver.want(t, http.StatusUnprocessableEntity, "PUT", "/api/v1/rule-docs/document", put("title: A", "live"), nil)

	var d store.RuleDoc
	approver.want(t, http.StatusOK, "PUT", path, put("title: A", "draft"), &d)
	if d.ID != "web/shells.yml" || d.Version != 1 || d.Author != "approver" || d.State != store.RuleDraft {
		t.Errorf("stored %+v", d)
	}
	stale := approver.request("PUT", path, put("title: B", "live"))
	stale.Header.Set("If-Match", `"0"`)
	if w := recorded(f, stale); w.Code != http.StatusPreconditionFailed {
		t.Errorf("a change of what is there as if it were not: status %d", w.Code)
	}
	approver.want(t, http.StatusOK, "PUT", path, put("title: B", "live"), &d)
	var list store.List[store.RuleDoc]
	reader.want(t, http.StatusOK, "GET", "/api/v1/rule-docs?state=live&text=SHELLS", "", &list)
	if len(list.Items) != 1 || list.Items[0].Version != 2 || list.Items[0].Text != "" {
		t.Errorf("listed %+v", list.Items)
	}
	approver.want(t, http.StatusNoContent, "DELETE", path, "", nil)
	var history api.RuleHistory
	reader.want(t, http.StatusOK, "GET", "/api/v1/rule-docs/history?name=web/shells.yml", "", &history)
	if len(history.Items) != 3 || !history.Items[0].Removed || history.Items[2].Text != "title: A" {
		t.Errorf("history %+v", history.Items)
	}
	for action, want := range map[string]int{"rule_doc.update": 2, "rule_doc.delete": 1} {
		entries, err := f.state.Entries(t.Context(), store.AuditFilter{Action: action, Object: "web/shells.yml"}, store.Page{})
		if err != nil || len(entries.Items) != want {
			t.Errorf("%d entries of %s, %v", len(entries.Items), action, err)
		}
	}
}

func TestRulePush(t *testing.T) {
	f := newFixture(t)
	approver := f.logon(t, "approver")
	push := func(text string) string {
		return fmt.Sprintf(`{"docs":[{"name":"a.yml","text":%q}],"state":"live"}`, text)
	}
	var done api.RulePushed
	approver.want(t, http.StatusOK, "POST", "/api/v1/rule-docs/push", push("bad"), &done)
	if len(done.Refused) != 1 || done.Refused[0].Line != 1 {
		t.Errorf("refused %+v", done.Refused)
	}
	// More than other requests may hold.
	approver.want(t, http.StatusOK, "POST", "/api/v1/rule-docs/push", push(strings.Repeat("# long\n", 1<<20/7)), &done)
	approver.want(t, http.StatusRequestEntityTooLarge, "POST", "/api/v1/rules/check", `{"text":"`+strings.Repeat("x", 5<<20)+`"}`, nil)
	entries, err := f.state.Entries(t.Context(), store.AuditFilter{Action: "rule_doc.push"}, store.Page{})
	if err != nil || len(entries.Items) != 1 || !strings.Contains(entries.Items[0].Detail, "a.yml") {
		t.Errorf("noted %+v, %v", entries.Items, err)
	}
}

func TestRulesWithTheirAlerts(t *testing.T) {
	f := newFixture(t)
	a := finding.Alert{ID: "x", Title: "Shell", Host: testHost, Time: f.now(), LastTime: f.now(), Count: 1, Rule: finding.Rule{ID: "r1"}}
	if _, err := f.state.SaveAlerts(t.Context(), []finding.Alert{a}, f.now(), store.Position{}); err != nil {
		t.Fatal(err)
	}
	reader, responder := f.logon(t, "reader"), f.logon(t, "responder")
	var list api.Rules
	reader.want(t, http.StatusOK, "GET", "/api/v1/rules", "", &list)
	var one api.RuleDetail
	reader.want(t, http.StatusOK, "GET", "/api/v1/rules/r1", "", &one)
	var coverage api.RuleCoverage
	reader.want(t, http.StatusOK, "GET", "/api/v1/rules/coverage", "", &coverage)
	if list.Items[0].Alerts != 1 || one.Alerts != 1 || one.Text == "" || coverage.Tactics[0].Techniques[0].Alerts != 1 {
		t.Errorf("list %+v, rule %+v, coverage %+v", list, one, coverage)
	}
	reader.want(t, http.StatusNotFound, "GET", "/api/v1/rules/r2", "", nil)

	var checked api.RuleCheck
	responder.want(t, http.StatusOK, "POST", "/api/v1/rules/check", `{"text":"xxx"}`, &checked)
	if len(checked.Problems) != 1 || checked.Problems[0].Line != 3 {
		t.Errorf("checked %+v", checked)
	}
	reader.want(t, http.StatusForbidden, "POST", "/api/v1/rules/dry-run", `{"text":"x"}`, nil)
	var run api.RuleDryRunResult
	responder.want(t, http.StatusOK, "POST", "/api/v1/rules/dry-run", `{"text":"x"}`, &run)
	entries, err := f.state.Entries(t.Context(), store.AuditFilter{Action: "evidence.rules_dry_run"}, store.Page{})
	if run.Scanned != 7 || err != nil || len(entries.Items) != 1 {
		t.Errorf("ran %+v, noted %+v, %v", run, entries.Items, err)
	}
}
