package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/route"
	"github.com/holdfast-security/holdfast/store"
)

func (a *area) docs(ctx context.Context, in *docsQuery) (*route.Body[store.List[store.RuleDoc]], error) {
	list, err := a.Docs.RuleDocs(ctx, store.RuleDocFilter{State: in.State, Text: in.Text}, in.Store())
	return &route.Body[store.List[store.RuleDoc]]{Body: list}, err
}

func (a *area) doc(ctx context.Context, in *Named) (*docBody, error) {
	d, err := a.Docs.RuleDoc(ctx, in.Name)
	if err != nil {
		return nil, front.About("rule document", in.Name, err)
	}
	return route.Tagged(d, d.Version), nil
}

func (a *area) put(ctx context.Context, in *putInput) (*docBody, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	change := store.RuleDocChange{Name: in.Name, Version: version, Text: in.Body.Text, State: in.Body.State, Note: in.Body.Note}
	if err := a.save(ctx, change); err != nil {
		return nil, err
	}
	d, err := a.Docs.RuleDoc(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return route.Tagged(d, d.Version), a.router.Note(ctx, "rule_doc.update", in.Name, noted{
		State: d.State, Version: d.Version, Note: d.Note, Digest: digest(d.Text), Rules: d.Rules[:min(len(d.Rules), maxNoted)],
	})
}

// save makes one change.
func (a *area) save(ctx context.Context, change store.RuleDocChange) error {
	q := front.Of(ctx)
	patient(q)
	err := a.Book.Save(ctx, []store.RuleDocChange{change}, q.Identity.Actor())
	return front.About("rule document", change.Name, err)
}

// maxNoted is how many rules or documents an entry of the audit log names.
const maxNoted = 100

// noted is what the audit log says of a version of a document.
type noted struct {
	State   store.RuleState `json:"state"`
	Version int64           `json:"version"`
	Note    string          `json:"note"`
	Digest  string          `json:"sha256"`
	Rules   []store.DocRule `json:"rules"`
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (a *area) remove(ctx context.Context, in *removeInput) (*struct{}, error) {
	version, err := in.Expected()
	if err != nil {
		return nil, err
	}
	if err := a.save(ctx, store.RuleDocChange{Name: in.Name, Remove: true, Version: version}); err != nil {
		return nil, err
	}
	return nil, a.router.Note(ctx, "rule_doc.delete", in.Name, nil)
}

func (a *area) history(ctx context.Context, in *Named) (*route.Body[api.RuleHistory], error) {
	list, err := a.Docs.RuleHistory(ctx, in.Name)
	if err != nil {
		return nil, front.About("rule document", in.Name, err)
	}
	return &route.Body[api.RuleHistory]{Body: api.RuleHistory{Items: list}}, nil
}

// pushed is what the audit log says of a push.
type pushed struct {
	State     store.RuleState `json:"state,omitempty"`
	Note      string          `json:"note"`
	Added     int             `json:"added"`
	Changed   int             `json:"changed"`
	Removed   int             `json:"removed"`
	Documents []string        `json:"documents"` // the first
}

func (a *area) push(ctx context.Context, in *route.Body[api.RulePush]) (*route.Body[api.RulePushed], error) {
	q := front.Of(ctx)
	patient(q)
	done, err := a.Book.Push(ctx, in.Body, q.Identity.Actor())
	if err != nil {
		return nil, err
	}
	answer := &route.Body[api.RulePushed]{Body: done}
	names := append(append(append([]string{}, done.Added...), done.Changed...), done.Removed...)
	if in.Body.DryRun || len(done.Refused) > 0 || len(names) == 0 {
		return answer, nil
	}
	return answer, a.router.Note(ctx, "rule_doc.push", "", pushed{
		State: in.Body.State, Note: in.Body.Note, Added: len(done.Added), Changed: len(done.Changed), Removed: len(done.Removed),
		Documents: names[:min(len(names), maxNoted)],
	})
}
