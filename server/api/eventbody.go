package api

import (
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// eventBody has the fields of the JSON form that [event.Event.MarshalJSON]
// writes, for the document's sake. A test holds the two together.
type eventBody struct {
	Time     time.Time      `json:"time" doc:"When it happened, by the host's clock."`
	Class    event.Class    `json:"class_name"`
	ClassUID uint16         `json:"class_uid" example:"1007" doc:"The OCSF class_uid."`
	Activity string         `json:"activity_name" example:"launch" doc:"What was done within the class: the OCSF activity's name in snake case."`
	Status   event.Status   `json:"status"`
	Source   event.Source   `json:"source,omitempty" example:"audit" doc:"The sensor that saw it."`
	Host     event.HostID   `json:"host,omitempty"`
	Serial   uint64         `json:"serial,omitempty" doc:"Audit serial number."`
	Count    uint32         `json:"count,omitempty" doc:"How many identical events this one stands for; absent means one."`
	Last     time.Time      `json:"end_time,omitempty" doc:"Time of the latest of them."`
	Process  *event.Process `json:"process,omitempty" doc:"Who did it."`
	Target   *event.Process `json:"target_process,omitempty" doc:"The process acted on."`
	User     *event.User    `json:"user,omitempty" doc:"The account concerned."`
	Group    *event.Group   `json:"group,omitempty"`
	File     *event.File    `json:"file,omitempty"`
	Logon    *event.Logon   `json:"logon,omitempty"`
	Network  *event.Network `json:"network,omitempty"`
	Kernel   *event.Kernel  `json:"kernel,omitempty"`
	Exit     *event.Exit    `json:"exit,omitempty"`
	Key      string         `json:"audit_key,omitempty" doc:"Key of the audit rule that produced the event."`
	Message  string         `json:"message,omitempty" doc:"The source's own text."`
	Records  []event.Record `json:"records,omitempty" doc:"The source's records, decoded."`
}
