package fields

import (
	"strings"

	"github.com/holdfast-security/holdfast/detect"
)

// Bounds of what is remembered of names that the input chooses.
const (
	maxNames      = 8192
	maxNameLength = 512
)

// name is a dotted name of values in JSON objects and what it means. Names are
// a tree, as the members of objects are.
type name struct {
	full   string
	id     detect.FieldID // by this name, or without its envelope
	alias  detect.FieldID // in the creation of a process audited by Windows
	role   role
	quoted string // its last part as it stands in JSON, "" where there are several ways

	members map[string]*name
	first   *name // of the members, the last time
	next    *name // member of the same object, the last time
}

// role is what a value says of the whole object.
type role uint8

const (
	noRole role = iota
	roleProduct
	roleCategory
	roleService
	roleChannel
	roleProvider
	roleEventID
	roleEventType
	roleTime
)

// roles of names without their envelope.
var roles = map[string]role{
	"logsource.product": roleProduct, "product": roleProduct, "logsource.category": roleCategory, "category": roleCategory,
	"logsource.service": roleService, "service": roleService, "Channel": roleChannel, "Provider_Name": roleProvider,
	"EventID": roleEventID, "EventType": roleEventType,
	"TimeCreated.#attributes.SystemTime": roleTime, "TimeCreated.SystemTime": roleTime, "@timestamp": roleTime,
	"timestamp": roleTime, "time": roleTime, "eventTime": roleTime, "UtcTime": roleTime,
}

// names remembers names and resolves them to the fields of a rule set.
type names struct {
	set     *detect.Ruleset
	root    *name
	unknown *name // stands for names that are too long to be any field's
	count   int
}

func newNames(set *detect.Ruleset) *names {
	return &names{set: set, root: &name{}, unknown: &name{}}
}

// child returns the name of a member of an object, after the one that came last.
func (n *names) child(parent, last *name, key []byte) *name {
	if parent == n.unknown || len(parent.full)+1+len(key) > maxNameLength {
		return n.unknown
	}
	found := parent.members[string(key)]
	if found == nil {
		found = n.resolve(parent, string(key))
		if n.count >= maxNames {
			return found
		}
		n.count++
		if parent.members == nil {
			parent.members = make(map[string]*name)
		}
		parent.members[string(key)] = found
	}
	switch last {
	case nil:
		parent.first = found
	case n.unknown: // of many objects
	default:
		last.next = found
	}
	return found
}

// same reports whether two names are equal.
func (n *name) same(other *name) bool {
	return n == other || n.id == other.id && n.full == other.full
}

func (n *names) resolve(parent *name, key string) *name {
	full := key
	if parent != n.root {
		full = parent.full + "." + key
	}
	plain := short(full)
	found := &name{full: full, id: n.set.Field(full), role: roles[plain]}
	if found.id == detect.NoField {
		found.id = n.set.Field(plain)
	}
	if alias, ok := processFields[plain]; ok {
		found.alias = n.set.Field(alias)
	}
	if !strings.ContainsAny(key, "\"\\") {
		found.quoted = `"` + key + `"`
	}
	return found
}

// envelopes are the wrappings of event fields: those of the event log's XML
// form, and those of its shippers.
var envelopes = []string{"Event.EventData.", "EventData.", "Event.UserData.", "UserData.", "Event.System.", "System.", "winlog.event_data.", "winlog.", "event_data.", "data."}

// short returns a name without its envelope and in the spelling of rules.
func short(name string) string {
	for _, envelope := range envelopes {
		if rest, ok := strings.CutPrefix(name, envelope); ok {
			name = rest
			if strings.HasSuffix(envelope, "UserData.") { // one more level, named by the event's schema
				_, name, _ = strings.Cut(rest, ".")
			}
			break
		}
	}
	switch name {
	case "Provider.#attributes.Name", "Provider.Name", "Provider.@Name", "provider_name":
		return "Provider_Name"
	case "EventID.#text", "event_id":
		return "EventID"
	case "channel":
		return "Channel"
	case "computer_name":
		return "Computer"
	}
	return name
}

// processFields gives the fields of a process creation audited by Windows
// (event 4688) the names that rules use.
var processFields = map[string]string{
	"NewProcessName": "Image", "ParentProcessName": "ParentImage", "NewProcessId": "ProcessId", "SubjectUserName": "User",
	"SubjectLogonId": "LogonId",
}
