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
	document *detect.Document
	fallback detect.Source
	sources  map[origin]detect.Source
	flat     flattener
	texts    string // of the leaves, in their order
	keywords []string
}

var _ detect.Provider = (*JSONMapper)(nil)

// origin is what the log source of an object is guessed from.
type origin struct {
	product, category, service string // as the object itself says
	channel, provider          string
	id                         string // EventID
	kind                       string // EventType of registry events
}

// Bounds of what is remembered of origins, which the input chooses.
const (
	maxOrigins   = 1024
	maxOriginLen = 512
)

// NewJSONMapper returns a mapper for the rules of the set. Objects whose log
// source cannot be guessed get the fallback; the zero value leaves them
// without rules.
func NewJSONMapper(set *detect.Ruleset, fallback sigma.LogSource) *JSONMapper {
	m := &JSONMapper{
		document: set.NewDocument(), sources: make(map[origin]detect.Source), flat: flattener{names: newNames(set)},
	}
	if fallback != (sigma.LogSource{}) {
		m.fallback = set.Source(fallback)
	}
	return m
}

// Map reads one JSON object into a document, which is valid until the next
// call and refers to ref. It keeps nothing of data.
func (m *JSONMapper) Map(data []byte, ref any) (*detect.Document, error) {
	if err := m.flat.flatten(data); err != nil {
		return nil, err
	}
	m.texts = string(m.flat.texts[:m.flat.end]) // rules' matches may outlive the next call
	from, at := m.describe()
	m.document.Reset(m.source(from), at, ref, m)
	leaves := m.flat.leaves
	for i := range leaves {
		if l := &leaves[i]; l.name.id != detect.NoField {
			// A name that comes again makes a list.
			m.put(l.name.id, l, i > 0 && l.name.same(leaves[i-1].name) || i+1 < len(leaves) && l.name.same(leaves[i+1].name))
		}
	}
	if from.channel == "Security" && from.id == "4688" {
		for i := range leaves {
			if id := leaves[i].name.alias; id != detect.NoField {
				m.put(id, &leaves[i], false)
			}
		}
	}
	return m.document, nil
}

// Provide implements [detect.Provider]: all values of an object are keywords.
func (m *JSONMapper) Provide(d *detect.Document, id detect.FieldID) {
	if id != detect.Keywords {
		return
	}
	m.keywords = m.keywords[:0]
	for i := range m.flat.leaves {
		m.keywords = append(m.keywords, m.text(&m.flat.leaves[i]))
	}
	d.SetTexts(id, m.texts, m.keywords)
}

func (m *JSONMapper) text(l *leaf) string { return m.texts[l.from:l.to] }

func (m *JSONMapper) put(id detect.FieldID, l *leaf, repeated bool) {
	d, text := m.document, m.text(l)
	switch {
	case repeated:
		d.Append(id, text)
	case l.kind == 's':
		d.SetString(id, text)
	case l.kind == 'b':
		d.SetBool(id, text == "true")
	default:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			d.SetInt(id, n)
		} else {
			d.SetString(id, text)
		}
	}
}

// describe finds what the log source and the time are guessed from.
func (m *JSONMapper) describe() (from origin, at time.Time) {
	for _, i := range m.flat.roles {
		l := &m.flat.leaves[i]
		switch text := m.text(l); l.name.role {
		case roleProduct:
			from.product = strings.ToLower(text)
		case roleCategory:
			from.category = strings.ToLower(text)
		case roleService:
			from.service = strings.ToLower(text)
		case roleChannel:
			from.channel = text
		case roleProvider:
			from.provider = text
		case roleEventID:
			from.id = text
		case roleEventType:
			from.kind = text
		case roleTime:
			if at.IsZero() {
				at = parseTime(text)
			}
		}
	}
	return from, at
}

// parseTime reads the usual forms of times in logs; it is zero for others.
func parseTime(text string) time.Time {
	const day = len("2006-01-02")
	layouts := []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"}
	if len(text) > day && text[day] == ' ' {
		layouts = []string{"2006-01-02 15:04:05.999999999"}
	}
	for _, layout := range layouts {
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
		source = m.flat.names.set.Source(logs...)
	} else {
		source = m.fallback
	}
	if len(m.sources) < maxOrigins && from.size() <= maxOriginLen {
		m.sources[from.clone()] = source
	}
	return source
}

func (o origin) size() int {
	return len(o.product) + len(o.category) + len(o.service) + len(o.channel) + len(o.provider) + len(o.id) + len(o.kind)
}

// clone returns a copy that does not hold on to the object that it is of.
func (o origin) clone() origin {
	c := strings.Clone
	return origin{c(o.product), c(o.category), c(o.service), c(o.channel), c(o.provider), c(o.id), c(o.kind)}
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
