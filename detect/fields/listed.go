package fields

import (
	"net/netip"

	"github.com/holdfast-security/holdfast/detect"
	"github.com/holdfast-security/holdfast/detect/indicator"
	"github.com/holdfast-security/holdfast/event"
)

// UseIndicators makes lists the source of the field ListedIndicator; nil, as
// before the first call, means the entries for tests alone.
func (m *Mapper) UseIndicators(lists *indicator.Live) { m.indicators = lists }

// listed sets what of an event is on the operator's lists: the address somebody
// logs on from, the far end of a connection, or what a command line mentions.
func listed(m *Mapper, d *detect.Document, id detect.FieldID) {
	set := m.indicators.Set()
	switch {
	case m.event.Logon != nil:
		setListed(d, id, set, m.event.Logon.Address)
	case m.event.Class == event.ClassNetworkActivity:
		setListed(d, id, set, m.network().Remote.Addr())
	default:
		d.SetStrings(id, set.Scan(nil, commandLine(m.actor())))
	}
}

func setListed(d *detect.Document, id detect.FieldID, set *indicator.Set, a netip.Addr) {
	if set.Address(a) {
		d.SetString(id, a.Unmap().WithZone("").String())
	}
}
