package incident_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
)

// judged returns an engine with one incident of two rules, and its id.
func judged(t *testing.T) (*incident.Engine, string) {
	t.Helper()
	e := incident.New(incident.Limits{})
	hash := entity(finding.EntityHash, "aa")
	addAll(e, signal("1", "a", "h1", 0, "execution", hash), signal("2", "b", "h2", 1, "exfiltration", hash))
	return e, only(t, e).ID
}

func TestJudgementsChangeScores(t *testing.T) {
	e, id := judged(t)
	scores := func(verdicts ...finding.Verdict) (all []float64) {
		for _, v := range verdicts {
			if !e.Judge(id, v) {
				t.Fatal("there is no such incident")
			}
			e = again(t, e) // what was counted survives a restart
			all = append(all, only(t, e).Score)
		}
		return all
	}
	fresh := only(t, e).Score
	got := scores(finding.Attack, finding.Attack, finding.Benign, finding.Attack, finding.NoVerdict, finding.NoVerdict, finding.Benign)
	attack, benign := got[0], got[2]
	if attack <= fresh || benign >= fresh {
		t.Errorf("the score is %.2f, of an attack %.2f, of none %.2f", fresh, attack, benign)
	}
	if diff := cmp.Diff([]float64{attack, attack, benign, attack, fresh, fresh, benign}, got); diff != "" {
		t.Errorf("verdicts that take the place of others (-want +got):\n%s", diff)
	}
	if incident.New(incident.Limits{}).Judge("none", finding.Attack) {
		t.Error("an incident that is not there was judged")
	}
}

// TestJudgementsOfOneThatBecamePart takes back what was counted for both, when
// they have become one, and nothing that was counted for a third.
func TestJudgementsOfOneThatBecamePart(t *testing.T) {
	two := func() (*incident.Engine, []string) {
		e := incident.New(incident.Limits{})
		x, y, z := entity(finding.EntityHash, "aa"), entity(finding.EntityHash, "bb"), entity(finding.EntityHash, "cc")
		addAll(
			e, signal("1", "a", "h1", 0, "execution", x), signal("2", "b", "h2", 1, "exfiltration", x),
			signal("3", "a", "h3", 600, "execution", y), signal("4", "b", "h4", 601, "exfiltration", y),
			signal("5", "a", "h5", 1200, "execution", z), signal("6", "b", "h6", 1201, "exfiltration", z),
		)
		e.Changed()
		return e, e.Incidents()
	}
	scoreOf := func(e *incident.Engine, id string) float64 {
		inc, _ := e.Incident(id)
		return inc.Score
	}
	join := signal("7", "c", "h1", 1210, "impact", entity(finding.EntityHash, "aa"), entity(finding.EntityHash, "bb"))
	e, ids := two()
	plain, same := two()
	if len(ids) != 3 || cmp.Diff(ids, same) != "" {
		t.Fatalf("there are %v and %v", ids, same)
	}
	e.Judge(ids[0], finding.Attack)
	e.Judge(ids[1], finding.Benign)
	e.Judge(ids[2], finding.Benign)
	plain.Judge(ids[2], finding.Benign)
	e.Add(join)
	plain.Add(join)
	if len(e.Incidents()) != 2 {
		t.Fatalf("there are %d incidents", len(e.Incidents()))
	}
	e = again(t, e)
	e.Judge(ids[1], finding.NoVerdict) // by the id of the one that is gone
	if got, want := scoreOf(e, ids[0]), scoreOf(plain, ids[0]); got != want {
		t.Errorf("the score is %v, and %v where nobody judged", got, want)
	}
	e.Judge(ids[2], finding.NoVerdict)
	plain.Judge(ids[2], finding.NoVerdict)
	if got, want := scoreOf(e, ids[2]), scoreOf(plain, ids[2]); got != want {
		t.Errorf("the score is %v, and %v where nobody judged", got, want)
	}
}
