package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/server/api/input"
	"github.com/holdfast-security/holdfast/store"
)

func (s *Server) listEvents(ctx context.Context, in *eventQuery) (*eventPage, error) {
	return s.events(ctx, event.HostID(in.Host), in.EventChoice)
}

func (s *Server) listHostEvents(ctx context.Context, in *hostEventQuery) (*eventPage, error) {
	if _, err := s.getHost(ctx, &in.ByID); err != nil {
		return nil, err
	}
	return s.events(ctx, event.HostID(in.ID), in.EventChoice)
}

func (s *Server) events(ctx context.Context, host event.HostID, q input.EventChoice) (*eventPage, error) {
	filter, err := q.Filter()
	if err != nil {
		return nil, err
	}
	filter.Host = host
	list, err := s.Events.Events(ctx, filter)
	return &eventPage{Body: list}, err
}

// Bounds of what is read to find a host's processes.
const (
	processHistory = 24 * time.Hour
	processEvents  = 10_000
)

func (s *Server) listHostProcesses(ctx context.Context, in *hostProcessQuery) (*body[api.HostProcesses], error) {
	if _, err := s.getHost(ctx, &in.ByID); err != nil {
		return nil, err
	}
	since := s.now().Add(-processHistory)
	list, err := s.Events.Events(ctx, store.EventFilter{
		Host: event.HostID(in.ID), Since: since, Classes: []event.Class{event.ClassProcessActivity}, Limit: processEvents,
	})
	if err != nil {
		return nil, err
	}
	processes := latest(list.Items)
	answer := api.HostProcesses{Since: since, Complete: list.Next == "" && len(processes) <= in.Limit}
	if list.Next != "" && len(list.Items) > 0 {
		answer.Since = list.Items[len(list.Items)-1].Time
	}
	answer.Items = processes[:min(len(processes), in.Limit)]
	return &body[api.HostProcesses]{Body: answer}, nil
}

// latest returns what the latest events, newest first, tell of each process:
// running ones first, then those seen last.
func latest(events []event.Event) []api.HostProcess {
	var found []api.HostProcess
	seen := make(map[event.ProcessUID]bool)
	for i := range events {
		e := &events[i]
		if e.Process == nil || e.Process.UID.IsZero() || seen[e.Process.UID] {
			continue
		}
		seen[e.Process.UID] = true
		found = append(found, api.HostProcess{
			Process: *e.Process, Seen: e.Time, Running: e.Activity != event.ProcessTerminate, Exit: e.Exit,
		})
	}
	slices.SortStableFunc(found, func(a, b api.HostProcess) int {
		if a.Running != b.Running {
			return map[bool]int{true: -1, false: 1}[a.Running]
		}
		return cmp.Compare(b.Seen.UnixNano(), a.Seen.UnixNano())
	})
	return found
}
