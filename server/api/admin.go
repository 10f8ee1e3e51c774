package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast-security/holdfast/account"
	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/fleet"
	"github.com/holdfast-security/holdfast/server/api/front"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/store"
)

func (s *Server) listScenarios(context.Context, *empty) (*body[api.Scenarios], error) {
	return &body[api.Scenarios]{Body: api.Scenarios{Items: s.Simulator.Scenarios()}}, nil
}

func (s *Server) simulate(ctx context.Context, in *simulationInput) (*body[store.Order], error) {
	if _, err := s.getHost(ctx, &in.ByID); err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, scenario := range s.Simulator.Scenarios() {
		known[scenario.Name] = true
	}
	for _, name := range in.Body.Scenarios {
		if !known[name] {
			return nil, fmt.Errorf("%w: scenarios: there is no %q; GET /scenarios lists them", account.ErrInvalid, name)
		}
	}
	order, err := s.Simulator.Simulate(ctx, event.HostID(in.ID), in.Body.Scenarios, front.Of(ctx).Identity.Actor())
	if err != nil {
		return nil, err
	}
	if err := s.note(ctx, "host.simulate", in.ID, map[string]any{"order": order.ID, "scenarios": in.Body.Scenarios}); err != nil {
		return nil, err
	}
	return &body[store.Order]{Body: order}, nil
}

func (s *Server) listSimulations(ctx context.Context, in *simulationQuery) (*pageOf[store.Order], error) {
	list, err := s.State.Orders(ctx, event.HostID(in.Host), in.Store())
	return &pageOf[store.Order]{Body: list}, err
}

func (s *Server) getSimulation(ctx context.Context, in *input.ByID) (*body[store.Order], error) {
	order, err := s.State.Order(ctx, in.ID)
	if err != nil {
		return nil, front.About("simulation", in.ID, err)
	}
	return &body[store.Order]{Body: order}, nil
}

func (s *Server) getLedger(ctx context.Context, _ *empty) (*body[api.LedgerReport], error) {
	report, err := s.Fleet.Ledger(ctx)
	return &body[api.LedgerReport]{Body: report}, err
}

func (s *Server) getOverview(ctx context.Context, _ *empty) (*body[api.Overview], error) {
	report, err := s.Fleet.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	alerts, err := s.State.CountAlerts(ctx, store.AlertFilter{Status: []finding.Status{finding.Open}}, 0)
	if err != nil {
		return nil, err
	}
	hosts, err := s.countHosts(ctx)
	if err != nil {
		return nil, err
	}
	return &body[api.Overview]{Body: api.Overview{
		Version: s.Version, Started: s.started, Hosts: hosts, OpenAlerts: alerts.BySeverity, Ledger: report.Total,
		Conditions: s.Fleet.Conditions(ctx),
	}}, nil
}

// countHosts counts all hosts by state and health.
func (s *Server) countHosts(ctx context.Context) (api.HostCounts, error) {
	var n api.HostCounts
	next := store.Page{Limit: 1000}
	for {
		list, err := s.State.Hosts(ctx, store.HostFilter{}, next)
		if err != nil {
			return n, err
		}
		for _, h := range list.Items {
			s.countHost(&n, h)
		}
		if list.Next == "" {
			return n, nil
		}
		next.After = list.Next
	}
}

func (s *Server) countHost(n *api.HostCounts, h fleet.Host) {
	n.Total++
	if h.State != fleet.Active {
		n.Revoked++
		return
	}
	n.Active++
	switch h.Health(s.now()) {
	case fleet.HealthNew:
		n.NeverSeen++
	case fleet.HealthSilent:
		n.Silent++
	case fleet.HealthDegraded:
		n.Degraded++
	default:
		n.Healthy++
	}
}

func (s *Server) listAuditLog(ctx context.Context, in *auditQuery) (*pageOf[account.Entry], error) {
	list, err := s.State.Entries(ctx, store.AuditFilter{
		Actor: in.Actor, Action: in.Action, Object: in.Object, Since: in.Since, Until: in.Until,
	}, in.Store())
	return &pageOf[account.Entry]{Body: list}, err
}

func (s *Server) createBackup(ctx context.Context, _ *empty) (*stream, error) {
	if err := s.note(ctx, "backup.create", "", nil); err != nil {
		return nil, err
	}
	return &stream{func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/x-tar")
		hc.SetHeader("Content-Disposition", `attachment; filename="holdfast-backup.tar"`)
		_, w := humago.Unwrap(hc)
		if err := s.Backup(ctx, flowing{w, http.NewResponseController(w)}); err != nil {
			s.log.ErrorContext(ctx, "backup broke off", "error", err)
			panic(http.ErrAbortHandler) // so that the client sees a broken answer, not a short archive
		}
	}}, nil
}

// flowing is where a stream goes: it may take as long as it moves.
type flowing struct {
	io.Writer
	control *http.ResponseController
}

// Write sends a piece, for which the client has [flowTimeout].
func (f flowing) Write(b []byte) (int, error) {
	// Servers without deadlines are those of tests.
	_ = f.control.SetWriteDeadline(time.Now().Add(flowTimeout))
	return f.Writer.Write(b)
}
