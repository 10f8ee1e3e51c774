package api

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// HuntRequest asks a question of the stored telemetry.
type HuntRequest struct {
	Query     string    `json:"query" minLength:"1" maxLength:"16384" example:"process | where command_line contains \"curl\" | summarize count() by executable" doc:"In the language of docs/hunt.md."`
	Since     time.Time `json:"since,omitzero" doc:"Events at or after; without it there is no bound but that of the query."`
	Until     time.Time `json:"until,omitzero" doc:"Events before."`
	Limit     int       `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"1000" doc:"At most so many rows."`
	Histogram bool      `json:"histogram,omitempty" doc:"Count the events that match over time, too. All of them have to be looked at then."`
}

// HuntColumn is a column of the answer to a hunt.
type HuntColumn struct {
	Name string `json:"name"`
	Type string `json:"type" enum:"text,int,real,bool,time,duration,address,list" doc:"What its values are: a duration is a text such as 1h30m, a time RFC 3339, a list holds texts. Any value may be null."`
}

// HuntRef says which event a row is, for GET /hunt/event.
type HuntRef struct {
	ID   string       `json:"uid"`
	Host event.HostID `json:"host"`
	Time time.Time    `json:"time"`
}

// HuntBucket is how many events of a stretch of time matched.
type HuntBucket struct {
	Start time.Time `json:"start"`
	Count int64     `json:"count"`
}

// HuntAnswer is the answer to a hunt.
type HuntAnswer struct {
	Columns   []HuntColumn `json:"columns"`
	Rows      [][]any      `json:"rows" doc:"In the order of the columns."`
	Events    bool         `json:"events" doc:"Rows are events: refs names the event of each."`
	Refs      []HuntRef    `json:"refs" doc:"The events of the rows; empty unless they are events."`
	Histogram []HuntBucket `json:"histogram" doc:"Events that matched over time, oldest first, without gaps; empty unless asked for."`
	Scanned   int64        `json:"scanned" doc:"Events that were looked at."`
	Matched   int64        `json:"matched" doc:"Those of them that met the conditions at the beginning of the query."`
	Complete  bool         `json:"complete" doc:"The answer accounts for all stored events of the time; false when a bound was reached or a part cannot be read."`
	Stopped   string       `json:"stopped,omitempty" doc:"Why it is not complete, in a sentence."`
	More      bool         `json:"more" doc:"There are more rows than the limit."`
	Took      int64        `json:"took_ms" doc:"Milliseconds of work."`
}

// HuntCheck asks whether a query can be understood.
type HuntCheck struct {
	Query string `json:"query" maxLength:"16384"`
}

// HuntProblem is a mistake in a query.
type HuntProblem struct {
	Line   int    `json:"line" minimum:"1" doc:"Where it is, from 1."`
	Column int    `json:"column" minimum:"1" doc:"In characters, from 1."`
	Length int    `json:"length" minimum:"0" doc:"How many characters are meant; 0 for the end of the query."`
	Reason string `json:"reason" doc:"What is wrong."`
	Hint   string `json:"hint,omitempty" doc:"What to write instead."`
}

// HuntProblems are the mistakes in a query: empty when it can be run.
type HuntProblems struct {
	Problems []HuntProblem `json:"problems"`
	Columns  []HuntColumn  `json:"columns" doc:"What the answer will hold; empty when there are problems."`
}

// HuntField is a field of events that queries know.
type HuntField struct {
	Name    string   `json:"name" example:"process.command_line"`
	Aliases []string `json:"aliases" doc:"Shorter names for the same."`
	Type    string   `json:"type" enum:"text,int,bool,time,duration,address,list"`
	Classes []string `json:"classes" doc:"Sources of whose events it tells something; empty for all."`
	Doc     string   `json:"doc" doc:"What it is."`
}

// HuntFields are what queries are made of, for help while one is typed.
type HuntFields struct {
	Items     []HuntField    `json:"items" doc:"Fields, in the order of the reference."`
	Sources   []HuntWord     `json:"sources" doc:"What a query can begin with."`
	Operators []HuntWord     `json:"operators" doc:"What can stand behind a |."`
	Functions []HuntFunction `json:"functions"`
}

// HuntWord is a word of the language.
type HuntWord struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

// HuntFunction is a function of the language.
type HuntFunction struct {
	Name      string `json:"name"`
	Usage     string `json:"usage" example:"bin(time, 1h)"`
	Aggregate bool   `json:"aggregate" doc:"For summarize only."`
	Doc       string `json:"doc"`
}

// StoppedTrailer is the HTTP trailer that says behind an export why it is not
// complete; "" when it is.
const StoppedTrailer = "Holdfast-Stopped"

// HuntExport asks for the rows of a hunt as a file.
type HuntExport struct {
	Query  string    `json:"query" minLength:"1" maxLength:"16384"`
	Since  time.Time `json:"since,omitzero" doc:"Events at or after."`
	Until  time.Time `json:"until,omitzero" doc:"Events before."`
	Format string    `json:"format" enum:"csv,ndjson" doc:"csv: with a head, values that a spreadsheet would run begin with an apostrophe. ndjson: an object a line."`
}
