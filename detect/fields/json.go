package fields

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/sigma"
)

// JSONMapper turns JSON objects of other products into documents of one rule
// set: Windows events (as event log exporters write them), Sysmon on Windows
// and Linux, and anything else by dotted names. It is for one goroutine.
type JSONMapper struct {
	set      *detect.Ruleset
	document *detect.Document
	fallback detect.Source
	sources  map[origin]detect.Source
	flat     flattener
	common   map[string]detect.FieldID // fields by full dotted name, see id
}

// origin is what the log source of an object is guessed from.
type origin struct {
	product, category, service string // as the object itself says
	channel, provider          string
	id                         string // EventID
	kind                       string // EventType of registry events
}

// Bounds of what is cached of names that the input chooses.
const (
	maxOrigins = 1024
	maxNames   = 8192
)

// NewJSONMapper returns a mapper for the rules of the set. Objects whose log
// source cannot be guessed get the fallback; the zero value leaves them
// without rules.
func NewJSONMapper(set *detect.Ruleset, fallback sigma.LogSource) *JSONMapper {
	m := &JSONMapper{
		set: set, document: set.NewDocument(), sources: make(map[origin]detect.Source),
		common: make(map[string]detect.FieldID),
	}
	if fallback != (sigma.LogSource{}) {
		m.fallback = set.Source(fallback)
	}
	return m
}

// Map reads one JSON object into a document, which is valid until the next
// call and refers to ref.
func (m *JSONMapper) Map(data []byte, ref any) (*detect.Document, error) {
	leaves, err := m.flat.flatten(data)
	if err != nil {
		return nil, err
	}
	from, at := describe(leaves)
	source := m.source(from)
	m.document.Reset(source, at, ref, nil)
	for i := range leaves {
		m.set1(leaves, i)
	}
	if from.channel == "Security" && from.id == "4688" {
		m.alias(leaves)
	}
	return m.document, nil
}

// set1 sets the fields that one leaf is: its dotted name, and its last part
// where it lies in a known envelope. A name that comes again makes a list.
func (m *JSONMapper) set1(leaves []leaf, i int) {
	l := &leaves[i]
	m.document.Append(detect.Keywords, l.text)
	if id := m.id(l.name); id != detect.NoField {
		repeated := i > 0 && leaves[i-1].name == l.name || i+1 < len(leaves) && leaves[i+1].name == l.name
		m.put(id, l, repeated)
	}
}

// id returns the field for a dotted name, remembering a bounded number of
// names.
func (m *JSONMapper) id(name string) detect.FieldID {
	if id, ok := m.common[name]; ok {
		return id
	}
	id := m.set.Field(name)
	if id == detect.NoField {
		id = m.set.Field(short(name))
	}
	if len(m.common) < maxNames {
		m.common[strings.Clone(name)] = id
	}
	return id
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

func (m *JSONMapper) put(id detect.FieldID, l *leaf, repeated bool) {
	d := m.document
	switch {
	case repeated || l.kind == 's' && id == detect.Keywords:
		d.Append(id, l.text)
	case l.kind == 's':
		d.SetString(id, l.text)
	case l.kind == 'b':
		d.SetBool(id, l.text == "true")
	default:
		if n, err := strconv.ParseInt(l.text, 10, 64); err == nil {
			d.SetInt(id, n)
		} else {
			d.SetString(id, l.text)
		}
	}
}

// processFields gives the fields of a process creation audited by Windows
// (event 4688) the names that rules use.
var processFields = map[string]string{
	"NewProcessName": "Image", "ParentProcessName": "ParentImage", "NewProcessId": "ProcessId", "SubjectUserName": "User",
	"SubjectLogonId": "LogonId",
}

func (m *JSONMapper) alias(leaves []leaf) {
	for i := range leaves {
		if name, ok := processFields[short(leaves[i].name)]; ok {
			m.put(m.set.Field(name), &leaves[i], false)
		}
	}
}

// describe finds what the log source and the time are guessed from.
func describe(leaves []leaf) (from origin, at time.Time) {
	for i := range leaves {
		switch text := leaves[i].text; short(leaves[i].name) {
		case "logsource.product", "product":
			from.product = strings.ToLower(text)
		case "logsource.category", "category":
			from.category = strings.ToLower(text)
		case "logsource.service", "service":
			from.service = strings.ToLower(text)
		case "Channel":
			from.channel = text
		case "Provider_Name":
			from.provider = text
		case "EventID":
			from.id = text
		case "EventType":
			from.kind = text
		case "TimeCreated.#attributes.SystemTime", "TimeCreated.SystemTime", "@timestamp", "timestamp", "time", "eventTime", "UtcTime":
			if at.IsZero() {
				at = parseTime(text)
			}
		}
	}
	return from, at
}

// parseTime reads the usual forms of times in logs; it is zero for others.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// source returns the source for an origin, remembering a bounded number.
func (m *JSONMapper) source(from origin) detect.Source {
	source, ok := m.sources[from]
	if ok {
		return source
	}
	if logs := guess(from); len(logs) > 0 {
		source = m.set.Source(logs...)
	} else {
		source = m.fallback
	}
	if len(m.sources) < maxOrigins {
		m.sources[from] = source
	}
	return source
}

// guess returns the log sources of an origin, none where nothing is known.
func guess(from origin) []sigma.LogSource {
	switch {
	case from.channel != "" || strings.Contains(from.provider, "Sysmon"):
		return windowsSources(from)
	case from.product != "" || from.category != "" || from.service != "":
		return []sigma.LogSource{{Product: from.product, Category: from.category, Service: from.service}}
	}
	return nil
}

// windowsSources names the service of the channel and the categories of the
// event id.
func windowsSources(from origin) []sigma.LogSource {
	product := "windows"
	if from.provider == "Linux-Sysmon" || strings.HasPrefix(from.channel, "Linux-Sysmon") {
		product = "linux"
	}
	service := channels[strings.ToLower(from.channel)]
	if strings.Contains(from.provider, "Sysmon") {
		service = "sysmon"
	}
	var names []string
	switch service {
	case "sysmon":
		names = slices.Clone(sysmonCategories[from.id])
		if from.id == "12" && strings.HasPrefix(from.kind, "Delete") {
			names[0] = "registry_delete"
		}
	default:
		names = eventCategories[service+" "+from.id]
	}
	logs := []sigma.LogSource{{Product: product, Service: service}}
	for _, name := range names {
		logs = append(logs, sigma.LogSource{Product: product, Category: name, Service: service})
	}
	return logs
}

// sysmonCategories are the categories of Sysmon's event ids
// (https://learn.microsoft.com/sysinternals/downloads/sysmon, Events).
var sysmonCategories = map[string][]string{
	"1": {"process_creation"}, "2": {"file_change"}, "3": {"network_connection"}, "4": {"sysmon_status"}, "5": {"process_termination"},
	"6": {"driver_load"}, "7": {"image_load"}, "8": {"create_remote_thread"}, "9": {"raw_access_thread"}, "10": {"process_access"},
	"11": {"file_event"}, "12": {"registry_add", "registry_event"}, "13": {"registry_set", "registry_event"},
	"14": {"registry_rename", "registry_event"}, "15": {"create_stream_hash"}, "16": {"sysmon_status"}, "17": {"pipe_created"},
	"18": {"pipe_created"}, "19": {"wmi_event"}, "20": {"wmi_event"}, "21": {"wmi_event"}, "22": {"dns_query"}, "23": {"file_delete"},
	"24": {"clipboard_capture"}, "25": {"process_tampering"}, "26": {"file_delete"}, "27": {"file_block_executable"},
	"28": {"file_block_shredding"}, "29": {"file_executable_detected"}, "255": {"sysmon_error"},
}

// eventCategories are the categories of event ids of other services.
var eventCategories = map[string][]string{
	"security 4688": {"process_creation"}, "powershell 4103": {"ps_module"}, "powershell 4104": {"ps_script"},
	"powershell-classic 400": {"ps_classic_start"}, "powershell-classic 600": {"ps_classic_provider_start"},
	"powershell-classic 800": {"ps_module"},
}

// channels are the services of event log channels, in lower case.
var channels = map[string]string{
	"security": "security", "system": "system", "application": "application",
	"microsoft-windows-sysmon/operational":                               "sysmon",
	"linux-sysmon/operational":                                           "sysmon",
	"microsoft-windows-powershell/operational":                           "powershell",
	"powershellcore/operational":                                         "powershell",
	"windows powershell":                                                 "powershell-classic",
	"microsoft-windows-windows defender/operational":                     "windefend",
	"microsoft-windows-windows firewall with advanced security/firewall": "firewall-as",
	"microsoft-windows-applocker/exe and dll":                            "applocker",
	"microsoft-windows-applocker/msi and script":                         "applocker",
	"microsoft-windows-applocker/packaged app-deployment":                "applocker",
	"microsoft-windows-applocker/packaged app-execution":                 "applocker",
	"microsoft-windows-bits-client/operational":                          "bits-client",
	"microsoft-windows-codeintegrity/operational":                        "codeintegrity-operational",
	"microsoft-windows-dns-client/operational":                           "dns-client",
	"dns server": "dns-server",
	"microsoft-windows-dns-server/analytical":                                  "dns-server-analytic",
	"microsoft-windows-dns-server/audit":                                       "dns-server-audit",
	"microsoft-windows-driverframeworks-usermode/operational":                  "driver-framework",
	"microsoft-windows-ldap-client/debug":                                      "ldap",
	"microsoft-windows-ntlm/operational":                                       "ntlm",
	"microsoft-windows-printservice/admin":                                     "printservice-admin",
	"microsoft-windows-printservice/operational":                               "printservice-operational",
	"microsoft-windows-taskscheduler/operational":                              "taskscheduler",
	"microsoft-windows-terminalservices-localsessionmanager/operational":       "terminalservices-localsessionmanager",
	"microsoft-windows-wmi-activity/operational":                               "wmi",
	"microsoft-windows-smbclient/security":                                     "smbclient-security",
	"microsoft-windows-smbclient/connectivity":                                 "smbclient-connectivity",
	"microsoft-windows-smbserver/connectivity":                                 "smbserver-connectivity",
	"microsoft-windows-shell-core/operational":                                 "shell-core",
	"microsoft-windows-appxdeploymentserver/operational":                       "appxdeployment-server",
	"microsoft-windows-appxpackaging/operational":                              "appxpackaging-om",
	"microsoft-windows-appmodel-runtime/admin":                                 "appmodel-runtime",
	"microsoft-windows-lsa/operational":                                        "lsa-server",
	"microsoft-windows-security-mitigations/kernel mode":                       "security-mitigations",
	"microsoft-windows-security-mitigations/user mode":                         "security-mitigations",
	"microsoft-servicebus-client":                                              "microsoft-servicebus-client",
	"msexchange management":                                                    "msexchange-management",
	"openssh/operational":                                                      "openssh",
	"microsoft-iis-configuration/operational":                                  "iis-configuration",
	"microsoft-windows-diagnosis-scripted/operational":                         "diagnosis-scripted",
	"microsoft-windows-vhdmp-operational":                                      "vhdmp",
	"microsoft-windows-capi2/operational":                                      "capi2",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
}
