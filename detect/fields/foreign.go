package fields

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Channel is a channel of the Windows event log with the service that rules
// call it by.
type Channel struct{ Name, Service string } // the name in lower case

// Channels returns the channels that [JSONMapper] knows, sorted.
func Channels() []Channel {
	var list []Channel
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		list = append(list, Channel{name, channels[name]})
	}
	return list
}

// EventCategories is an event of a service with its log source categories.
type EventCategories struct {
	Service    string
	EventID    int
	Categories []string
}

// ForeignCategories returns the events whose categories [JSONMapper] knows,
// sorted by service and number.
func ForeignCategories() []EventCategories {
	var list []EventCategories
	add := func(service, id string, names []string) {
		number, err := strconv.Atoi(id)
		if err == nil {
			list = append(list, EventCategories{service, number, slices.Clone(names)})
		}
	}
	for id, names := range sysmonCategories {
		add("sysmon", id, names)
	}
	for key, names := range eventCategories {
		service, id, _ := strings.Cut(key, " ")
		add(service, id, names)
	}
	slices.SortFunc(list, func(a, b EventCategories) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.EventID, b.EventID))
	})
	return list
}

// Envelopes returns the wrappings that [JSONMapper] takes off the names of
// fields.
func Envelopes() []string { return slices.Clone(envelopes) }

// ProcessFields returns the names that fields of process creations audited by
// Windows (event 4688) have for rules, by their own.
func ProcessFields() map[string]string { return maps.Clone(processFields) }
