// Package api holds the bodies of requests and answers of the REST API that
// are not already a type of fleet, finding, account, event, wire or store.
//
// Their JSON forms are API, described by docs/openapi.json, which is generated
// from them and from the operations in server/api. Tags give the bounds that
// the server enforces: lengths in characters, numbers inclusive. Whoever reads
// these types from the network validates them first; server/api does so by the
// schema before a handler sees a value.
package api

import (
	"fmt"
	"time"

	"github.com/holdfast-security/holdfast/fleet"
)

// Prefix is where the API's paths begin.
const Prefix = "/api/v1"

// CSRFHeader carries [Session.CSRF] on requests that change something and are
// authenticated by the session cookie.
const CSRFHeader = "X-CSRF-Token"

// SessionCookie is the name of the cookie that holds a session's secret.
const SessionCookie = "holdfast_session"

// Nobody as an assignee in a filter means alerts that nobody is assigned to.
const Nobody = "-"

// Problem is an error as RFC 9457 has it. It is the body of every answer with
// a status of 400 or above.
type Problem struct {
	Title  string  `json:"title" example:"Not Found" doc:"The status in words."`
	Status int     `json:"status" example:"404" doc:"The HTTP status."`
	Detail string  `json:"detail" example:"alert \"a1\": not found" doc:"One sentence: what is wrong, where, what to do."`
	ID     string  `json:"request_id,omitempty" example:"5f0c2a4b9d3e4f60" doc:"Names the request in the server's log."`
	Errors []Fault `json:"errors,omitempty" doc:"What is wrong with each part of the request."`
}

// Fault is what is wrong with one part of a request. It does not repeat the
// value, which may be a secret.
type Fault struct {
	Location string `json:"location" example:"body.role" doc:"The part of the request."`
	Message  string `json:"message" example:"expected value to be one of \"reader, responder, approver, admin\""`
}

// Error returns the status and the detail with the faults.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
	for _, f := range p.Errors {
		text += "; " + f.Location + ": " + f.Message
	}
	return text
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType turns the type of JSON bodies into that of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Changed says how many things a request changed.
type Changed struct {
	Changed int `json:"changed" minimum:"0" doc:"How many were changed; those that were not there are not counted."`
}

// Overview is what the first page of the console shows.
type Overview struct {
	Version    string           `json:"version" example:"v0.3.0" doc:"Version of the server."`
	Hosts      HostCounts       `json:"hosts"`
	OpenAlerts map[string]int64 `json:"open_alerts" doc:"Open alerts by severity."`
	Ledger     fleet.Balance    `json:"ledger" doc:"The sum over all hosts; host and name are empty."`
	Started    time.Time        `json:"started_time" doc:"When the server started."`
	Conditions []fleet.Warning  `json:"conditions" doc:"What is wrong with the server now, each with what to do about it; empty when nothing is."`
}

// HostCounts are the hosts by state and health. Every active host is counted
// in exactly one of healthy, degraded, silent and never seen.
type HostCounts struct {
	Total     int `json:"total" minimum:"0"`
	Active    int `json:"active" minimum:"0"`
	Revoked   int `json:"revoked" minimum:"0"`
	Healthy   int `json:"healthy" minimum:"0" doc:"Seen lately, and every feature that should run does."`
	Degraded  int `json:"degraded" minimum:"0" doc:"Seen lately, with a feature degraded or failed."`
	Silent    int `json:"silent" minimum:"0" doc:"No heartbeat for three minutes."`
	NeverSeen int `json:"never_seen" minimum:"0" doc:"Enrolled, and no heartbeat yet."`
}

// LedgerReport is the ledger of losses: of each host, of all, and of the
// server's own hops.
type LedgerReport struct {
	Hosts  []fleet.Balance `json:"hosts" doc:"By name."`
	Total  fleet.Balance   `json:"total" doc:"The sum over all hosts; host and name are empty, the time is that of the oldest heartbeat."`
	Server ServerLedger    `json:"server"`
}

// ServerLedger is what the server counted since its start, and what it holds.
type ServerLedger struct {
	StreamMessages uint64          `json:"stream_messages" doc:"Frames in the stream now."`
	StreamBytes    uint64          `json:"stream_bytes" doc:"Bytes of the stream on disk now."`
	StreamLimit    uint64          `json:"stream_limit_bytes" doc:"Bytes at which the stream refuses frames; agents then keep them."`
	Uncommitted    int64           `json:"uncommitted_events" doc:"Events in memory that no segment holds yet; the stream still does."`
	Accepted       uint64          `json:"accepted_frames"`
	Busy           uint64          `json:"busy_frames" doc:"Answered with busy: sent again later, no loss."`
	Refused        []fleet.Counter `json:"refused" doc:"Messages refused, by reason."`
}

// Reloaded says what a reload brought into force.
type Reloaded struct {
	Rules int `json:"rules" minimum:"0" doc:"How many rules are in force now."`
}
