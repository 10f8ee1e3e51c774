package event

import (
	"encoding/json"
	"fmt"
	"time"
)

// HostID names a protected host. It is chosen at enrolment and never reused;
// before enrolment it is the machine id.
type HostID string

// Source names the sensor that saw an event.
type Source string

// The sources of this build.
const (
	SourceAudit     Source = "audit"     // kernel audit netlink, or a recorded audit log
	SourcePerf      Source = "perf"      // perf side-band
	SourceProcfs    Source = "procfs"    // reading /proc
	SourceSyslog    Source = "syslog"    // a syslog file
	SourceJournal   Source = "journal"   // systemd journal files
	SourceSockDiag  Source = "sockdiag"  // netlink sock_diag
	SourceConntrack Source = "conntrack" // netlink conntrack
	SourceImport    Source = "import"    // JSON lines handed to replay
)

// Status is the outcome of what an event describes: OCSF status.
type Status uint8

// Outcomes.
const (
	StatusUnknown Status = iota
	StatusSuccess
	StatusFailure
)

var statusNames = [...]string{"unknown", "success", "failure"}

// String returns "unknown", "success" or "failure".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return statusNames[0]
}

// MarshalText encodes the status as its name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts the names that [Status.String] returns.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q: want unknown, success or failure", text)
}

// Event is one thing that happened on a host.
//
// Process is the actor: who did it. For process activity it is the process
// that was born, executed a program, changed user or ended; its parent is
// Process.Parent. For ptrace and signals the victim is Target. Exactly one of
// the detail parts that the class calls for is set, and the others are nil;
// a sensor that could not learn a part leaves it nil.
//
// The zero value is an event of unknown class.
type Event struct {
	Time     time.Time // when it happened, by the host's clock; UTC
	Class    Class
	Activity Activity
	Status   Status
	Source   Source
	Host     HostID // filled by the agent, empty in sensors

	// Serial is the audit serial number, or zero. With Time it names the
	// kernel's record.
	Serial uint64
	// Count is how many identical events this one stands for, when repeats
	// were aggregated; zero means one. Last is the time of the latest of them.
	Count uint32
	Last  time.Time

	Process *Process // the actor; nil when unknown
	Target  *Process // the process acted on, for ProcessOpen, Inject, Signal
	User    *User    // the account concerned: logged on, created, added to Group
	Group   *Group   // the group concerned
	File    *File    // the file, module file, script or unit concerned
	Logon   *Logon   // authentication details
	Network *Network // connection details
	Kernel  *Kernel  // module, BPF program, namespace, mount, clock or syscall details
	Exit    *Exit    // how the process ended, for ProcessTerminate

	// Key is the key of the audit rule that produced the event, or "".
	Key string
	// Message is the source's own text for log-based events, bounded to
	// [MaxMessage] bytes.
	Message string
	// Records are the source records behind the event, decoded, in order.
	// Sensors fill them only where a consumer asked for raw records.
	Records []Record
}

// MaxMessage bounds Event.Message, in bytes.
const MaxMessage = 8 << 10

// Record is one record of the source behind an event, for example the audit
// record EXECVE with its fields a0, a1 …, decoded.
type Record struct {
	Type   string `json:"type"`
	Fields []Pair `json:"fields,omitempty"`
}

// Pair is a named value.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Get returns the first value with the given name.
func (r Record) Get(name string) (string, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// Repeats returns how many identical events e stands for, at least one.
func (e *Event) Repeats() uint32 { return max(e.Count, 1) }

// Name returns "class/activity", for example "process_activity/launch".
func (e *Event) Name() string { return e.Class.String() + "/" + e.Class.Name(e.Activity) }

// eventJSON is the documented JSON form of an Event.
type eventJSON struct {
	Time     time.Time  `json:"time"`
	Class    Class      `json:"class_name"`
	ClassUID uint16     `json:"class_uid"`
	Activity string     `json:"activity_name"`
	Status   Status     `json:"status"`
	Source   Source     `json:"source,omitempty"`
	Host     HostID     `json:"host,omitempty"`
	Serial   uint64     `json:"serial,omitempty"`
	Count    uint32     `json:"count,omitempty"`
	Last     *time.Time `json:"end_time,omitempty"`
	Process  *Process   `json:"process,omitempty"`
	Target   *Process   `json:"target_process,omitempty"`
	User     *User      `json:"user,omitempty"`
	Group    *Group     `json:"group,omitempty"`
	File     *File      `json:"file,omitempty"`
	Logon    *Logon     `json:"logon,omitempty"`
	Network  *Network   `json:"network,omitempty"`
	Kernel   *Kernel    `json:"kernel,omitempty"`
	Exit     *Exit      `json:"exit,omitempty"`
	Key      string     `json:"audit_key,omitempty"`
	Message  string     `json:"message,omitempty"`
	Records  []Record   `json:"records,omitempty"`
}

// MarshalJSON writes the documented JSON form. Invalid UTF-8 becomes U+FFFD.
func (e Event) MarshalJSON() ([]byte, error) {
	j := eventJSON{
		Time: e.Time.UTC(), Class: e.Class, ClassUID: uint16(e.Class), Activity: e.Class.Name(e.Activity),
		Status: e.Status, Source: e.Source, Host: e.Host, Serial: e.Serial, Count: e.Count,
		Process: e.Process, Target: e.Target, User: e.User, Group: e.Group, File: e.File, Logon: e.Logon,
		Network: e.Network, Kernel: e.Kernel, Exit: e.Exit, Key: e.Key, Message: e.Message, Records: e.Records,
	}
	if !e.Last.IsZero() {
		last := e.Last.UTC()
		j.Last = &last
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what [Event.MarshalJSON] writes.
func (e *Event) UnmarshalJSON(data []byte) error {
	var j eventJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	activity, err := j.Class.Activity(j.Activity)
	if err != nil {
		return err
	}
	*e = Event{
		Time: j.Time, Class: j.Class, Activity: activity, Status: j.Status, Source: j.Source, Host: j.Host,
		Serial: j.Serial, Count: j.Count, Process: j.Process, Target: j.Target, User: j.User, Group: j.Group,
		File: j.File, Logon: j.Logon, Network: j.Network, Kernel: j.Kernel, Exit: j.Exit, Key: j.Key,
		Message: j.Message, Records: j.Records,
	}
	if j.Last != nil {
		e.Last = *j.Last
	}
	return nil
}
