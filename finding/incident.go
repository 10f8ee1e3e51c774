package finding

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// Incident is what belongs to one attack, as far as evidence ties it together:
// a story of signals in the order of time, with the reason for every link.
//
// Its ID stays as signals arrive and as incidents grow together: of two that
// merge the older keeps its id and takes the other's into Aliases. Texts quote
// what hosts reported and are hostile; whoever shows them escapes them.
type Incident struct {
	ID       string         `json:"uid"`
	Aliases  []string       `json:"aliases"` // ids of incidents that became part of this one, oldest first, bounded
	Title    string         `json:"title"`
	Severity Severity       `json:"severity"`
	Score    float64        `json:"score"` // of the best chain of tactics; comparable between incidents
	Time     time.Time      `json:"time"`  // of the first signal
	LastTime time.Time      `json:"last_time"`
	Count    uint64         `json:"count"`   // signals, with repeats and those that Omitted counts
	Omitted  uint64         `json:"omitted"` // signals that the story leaves out for lack of room
	Hosts    []event.HostID `json:"hosts"`   // in the order in which they were reached
	Tactics  []Tactic       `json:"tactics"` // of the chain, in its order

	Story    []StoryLine `json:"story"`         // in the order of time
	Links    []Link      `json:"links"`         // why the lines belong together: a tree, strongest links
	Entities []Entity    `json:"entities"`      // most connected first, bounded
	Missing  []string    `json:"missing_links"` // what the evidence does not show, in words
	Related  []Relation  `json:"related"`       // what evidence also points at, and why it was kept apart
	Steps    []string    `json:"remediation"`   // what to do, in order
}

// StoryLine is one signal of an incident, with its repeats.
type StoryLine struct {
	Time     time.Time    `json:"time"`
	LastTime time.Time    `json:"last_time"` // of the latest repeat
	Count    uint64       `json:"count"`
	Host     event.HostID `json:"host"`
	HostName string       `json:"host_name"`
	Title    string       `json:"title"`
	Text     string       `json:"description"` // what happened, in words
	Severity Severity     `json:"severity"`
	Tactics  []Tactic     `json:"tactics"`
	Signals  []string     `json:"signals"` // ids of the alerts, oldest first, bounded
	Key      bool         `json:"key"`     // belongs to the chain that the score is made of
	Hidden   bool         `json:"hidden"`  // suppressed by an exception: it ties others together and does not score
}

// LinkKind says what sort of evidence joins two signals.
type LinkKind string

// Kinds of links. The first four are causes, the rest is shared evidence.
const (
	LinkProcess    LinkKind = "process"    // same process, ancestor, or a common ancestor
	LinkFile       LinkKind = "file"       // written by one, run by the other
	LinkSession    LinkKind = "session"    // same logon session
	LinkConnection LinkKind = "connection" // two ends of one connection
	LinkShared     LinkKind = "shared"     // the same address, hash, account …
	LinkMethod     LinkKind = "method"     // the same rare thing on several hosts at once
	LinkHost       LinkKind = "host"       // the same host at nearly the same time
	LinkRarity     LinkKind = "rarity"     // two rare things that hardly coincide by chance
	LinkOrder      LinkKind = "order"      // the later is a later step of an attack
)

// LinkKinds returns all kinds of links, strongest first.
func LinkKinds() []LinkKind {
	return []LinkKind{LinkProcess, LinkFile, LinkSession, LinkConnection, LinkShared, LinkMethod, LinkHost, LinkRarity, LinkOrder}
}

// Link says why two lines of a story belong together.
type Link struct {
	From     int        `json:"from"` // index into Incident.Story, the earlier
	To       int        `json:"to"`
	Kinds    []LinkKind `json:"kinds"`    // strongest first
	Strength float64    `json:"strength"` // 0 to 1
	Reason   string     `json:"reason"`   // in words
}

// EntityKind says what an entity is.
type EntityKind string

// Kinds of entities.
const (
	EntityProcess    EntityKind = "process"
	EntityFile       EntityKind = "file"
	EntityHash       EntityKind = "hash" // SHA-256 of a file's content
	EntitySession    EntityKind = "session"
	EntityConnection EntityKind = "connection" // both endpoints of a socket
	EntityAddress    EntityKind = "address"
	EntityDomain     EntityKind = "domain"
	EntityAccount    EntityKind = "account"
	EntityKey        EntityKind = "key" // fingerprint of a public key
	EntityImage      EntityKind = "image"
)

// EntityKinds returns all kinds of entities.
func EntityKinds() []EntityKind {
	return []EntityKind{
		EntityProcess, EntityFile, EntityHash, EntitySession, EntityConnection, EntityAddress, EntityDomain, EntityAccount, EntityKey, EntityImage,
	}
}

// Entity is a thing that signals of an incident have to do with.
type Entity struct {
	Kind  EntityKind     `json:"kind"`
	Value string         `json:"value"`
	Name  string         `json:"name"`  // for people, where the value is a number; "" for none
	Hosts []event.HostID `json:"hosts"` // of the signals that have to do with it
	Lines []int          `json:"lines"` // indexes into Incident.Story
	// Common says that many hosts have it, so that it joins nothing.
	Common bool `json:"common"`
}

// Relation is another incident that evidence points at.
type Relation struct {
	ID     string `json:"uid"`
	Reason string `json:"reason"` // why it was not merged, in words
}
