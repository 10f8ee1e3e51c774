// Package rules are the operations of the REST interface on detection rules:
// those that are evaluated, the documents that people write, and what rules
// would find.
package rules

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

// Book holds the rules. What it refuses is an error that wraps
// account.ErrInvalid.
type Book interface {
	List() []api.Rule                        // without alerts
	Rule(id string) (api.RuleDetail, error)  // likewise; store.ErrNotFound
	Reload(ctx context.Context) (int, error) // reads files again, and returns how many rules there are
	// Save makes changes of documents, all or none.
	Save(ctx context.Context, changes []store.RuleDocChange, by string) error
	// Push makes files documents, all or none; what is refused is part of the
	// answer.
	Push(ctx context.Context, p api.RulePush, by string) (api.RulePushed, error)
	Check(q api.RuleText) api.RuleCheck
	// DryRun runs rules over stored events on behalf of who.
	DryRun(ctx context.Context, who string, q api.RuleDryRun) (api.RuleDryRunResult, error)
	Coverage(alerts map[string]int64) api.RuleCoverage
}

// Config is what the operations need. All of it is set.
type Config struct {
	Book Book
	Docs store.RuleDocs
}

// area are the operations with what they need.
type area struct {
	Config
	router *route.Router
	checks chan struct{} // holds one for each text that is being read
	counts counts
}

// maxChecks is how many texts are read at a time.
const maxChecks = 2

// Bounds of bodies: a document, written in JSON, and a push.
const (
	maxDocument = 4 << 20
	maxPush     = 32 << 20
)

// readDryRun is the action of the audit log for a dry run, which shows events.
const readDryRun = "evidence.rules_dry_run"

// Register adds the operations to a router.
func Register(r *route.Router, c Config) {
	a := &area{Config: c, router: r, checks: make(chan struct{}, maxChecks)}
	a.registerRules()
	a.registerDocs()
}

func (a *area) registerRules() {
	r := a.router
	route.Add(r, route.Operation{
		ID: "listRules", Method: http.MethodGet, Path: "/rules", Role: account.Reader, Tag: route.TagRules,
		Summary: "List the detection rules", Text: "Those in force and those in test.",
	}, a.list)
	route.Add(r, route.Operation{
		ID: "getRuleCoverage", Method: http.MethodGet, Path: "/rules/coverage", Role: account.Reader, Tag: route.TagRules,
		Summary: "Show which techniques of ATT&CK rules detect",
	}, a.coverage)
	route.Add(r, route.Operation{
		ID: "getRule", Method: http.MethodGet, Path: "/rules/{uid}", Role: account.Reader, Tag: route.TagRules,
		Summary: "Show a detection rule with its file",
	}, a.get)
	route.Add(r, route.Operation{
		ID: "reloadRules", Method: http.MethodPost, Path: "/rules/reload", Role: account.Admin, Tag: route.TagRules, Status: http.StatusOK,
		Summary: "Read the files of rules again", Text: "All of them come into force, or none and the answer says why.",
	}, a.reload)
	route.Add(r, route.Operation{
		ID: "checkRules", Method: http.MethodPost, Path: "/rules/check", Role: account.Responder, Tag: route.TagRules, Status: http.StatusOK, MaxBody: maxDocument,
		Summary: "Say what is in a text of rules and what is wrong with it", Text: "Nothing is stored.",
	}, a.check)
	route.Add(r, route.Operation{
		ID: "dryRunRules", Method: http.MethodPost, Path: "/rules/dry-run", Role: account.Responder, Tag: route.TagRules, Status: http.StatusOK,
		MaxBody: maxDocument, Evidence: readDryRun, Long: true,
		Summary: "Say what rules would have matched in stored events",
		Text:    "Takes up to 30 seconds, and says in `complete` whether that was enough. One at a time for each person, and two in all.",
	}, a.dryRun)
}

func (a *area) registerDocs() {
	r := a.router
	route.Add(r, route.Operation{
		ID: "listRuleDocs", Method: http.MethodGet, Path: "/rule-docs", Role: account.Reader, Tag: route.TagRules,
		Summary: "List rule documents", Text: "By name, without their texts.",
	}, a.docs)
	route.Add(r, route.Operation{
		ID: "getRuleDoc", Method: http.MethodGet, Path: "/rule-docs/document", Role: account.Reader, Tag: route.TagRules,
		Summary: "Show a rule document", Text: "With what its rules matched while in test.",
	}, a.doc)
	route.Add(r, route.Operation{
		ID: "putRuleDoc", Method: http.MethodPut, Path: "/rule-docs/document", Role: account.Approver, Tag: route.TagRules, MaxBody: maxDocument, Long: true,
		Summary: "Store a version of a rule document",
		Text: "In the states test and live all rules must be usable together with all others, or nothing changes and the answer says why. " +
			"No rule may have the uid of another. If-Match with \"0\" stores only what is not there yet.",
	}, a.put)
	route.Add(r, route.Operation{
		ID: "deleteRuleDoc", Method: http.MethodDelete, Path: "/rule-docs/document", Role: account.Approver, Tag: route.TagRules, Long: true,
		Summary: "Remove a rule document", Text: "Its history stays.",
	}, a.remove)
	route.Add(r, route.Operation{
		ID: "listRuleHistory", Method: http.MethodGet, Path: "/rule-docs/history", Role: account.Reader, Tag: route.TagRules,
		Summary: "Show the versions of a rule document", Text: "The latest 100, also of one that was removed.",
	}, a.history)
	route.Add(r, route.Operation{
		ID: "pushRuleDocs", Method: http.MethodPost, Path: "/rule-docs/push", Role: account.Approver, Tag: route.TagRules, Status: http.StatusOK, MaxBody: maxPush, Long: true,
		Summary: "Make files rule documents", Text: "All of them, or none and `refused` says why.",
	}, a.push)
}

type (
	ruleInput struct {
		ID string `path:"uid" minLength:"1" maxLength:"128" doc:"The uid."`
	}
	// Named names a document. It has an exported name because only fields of
	// such are parameters where it is embedded.
	Named struct {
		Name string `query:"name" required:"true" minLength:"1" maxLength:"200" example:"web/shells.yml" doc:"Name of the document."`
	}
	docsQuery struct {
		input.Page
		State store.RuleState `query:"state" doc:"Only documents in this state."`
		Text  string          `query:"text" maxLength:"256" doc:"In name, or title or uid of a rule, ignoring case."`
	}
	putInput struct {
		Named
		input.IfMatch
		Body api.RuleDocUpdate
	}
	removeInput struct {
		Named
		input.IfMatch
	}
	docBody = route.Versioned[store.RuleDoc]
)

func (a *area) list(ctx context.Context, _ *route.Empty) (*route.Body[api.Rules], error) {
	alerts, err := a.alerts(ctx)
	if err != nil {
		return nil, err
	}
	rules := a.Book.List()
	for i := range rules {
		rules[i].Alerts = alerts[rules[i].ID]
	}
	return &route.Body[api.Rules]{Body: api.Rules{Items: rules}}, nil
}

func (a *area) get(ctx context.Context, in *ruleInput) (*route.Body[api.RuleDetail], error) {
	rule, err := a.Book.Rule(in.ID)
	if err != nil {
		return nil, front.About("rule", in.ID, err)
	}
	alerts, err := a.alerts(ctx)
	rule.Alerts = alerts[rule.ID]
	return &route.Body[api.RuleDetail]{Body: rule}, err
}

func (a *area) coverage(ctx context.Context, _ *route.Empty) (*route.Body[api.RuleCoverage], error) {
	alerts, err := a.alerts(ctx)
	if err != nil {
		return nil, err
	}
	return &route.Body[api.RuleCoverage]{Body: a.Book.Coverage(alerts)}, nil
}

func (a *area) reload(ctx context.Context, _ *route.Empty) (*route.Body[api.Reloaded], error) {
	n, err := a.Book.Reload(ctx)
	if err != nil {
		return nil, err
	}
	return &route.Body[api.Reloaded]{Body: api.Reloaded{Rules: n}}, a.router.Note(ctx, "rules.reload", "", map[string]int{"rules": n})
}

func (a *area) check(ctx context.Context, in *route.Body[api.RuleText]) (*route.Body[api.RuleCheck], error) {
	select {
	case a.checks <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-a.checks }()
	return &route.Body[api.RuleCheck]{Body: a.Book.Check(in.Body)}, nil
}

func (a *area) dryRun(ctx context.Context, in *route.Body[api.RuleDryRun]) (*route.Body[api.RuleDryRunResult], error) {
	q := front.Of(ctx)
	patient(q)
	result, err := a.Book.DryRun(ctx, q.Identity.User.Name, in.Body)
	if err != nil {
		return nil, err
	}
	return &route.Body[api.RuleDryRunResult]{Body: result}, nil
}

// patience is for the answers of what may take longer than others.
const patience = 2 * time.Minute

// patient moves the time on by which an answer has to be written.
func patient(q *front.Request) {
	if q.W != nil {
		_ = http.NewResponseController(q.W).SetWriteDeadline(time.Now().Add(patience)) // servers without deadlines are those of tests
	}
}

// What is remembered of the alerts of rules, which count over many.
const (
	countedDays = 30
	countedFor  = 30 * time.Second
)

// counts are the alerts by rule. The zero value has none.
type counts struct {
	mu    sync.Mutex // guards what follows; held while they are counted
	rules map[string]int64
	at    time.Time
}

// alerts returns the alerts of the last 30 days by rule, which are not to be
// changed.
func (a *area) alerts(ctx context.Context) (map[string]int64, error) {
	a.counts.mu.Lock()
	defer a.counts.mu.Unlock()
	now := a.router.Now()
	if a.counts.rules != nil && now.Sub(a.counts.at) < countedFor && !now.Before(a.counts.at) {
		return a.counts.rules, nil
	}
	rules, err := a.Docs.AlertsByRule(ctx, now.AddDate(0, 0, -countedDays))
	if err != nil {
		return nil, err
	}
	a.counts.rules, a.counts.at = rules, now
	return rules, nil
}
