package up

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
)

const defaultPort = "8443" // of console and API

// checkAddresses says what is wrong with the addresses to listen on. A port
// that the system chooses is of no use: others have to know it.
func (o *Options) checkAddresses() error {
	for _, a := range []struct{ flag, address string }{{"--listen", o.Listen}, {"--stream-listen", o.Stream}} {
		if a.address == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a.address); err != nil || port == "" || port == "0" {
			return fmt.Errorf("%s: %q is not host:port or :port", a.flag, a.address)
		}
	}
	return nil
}

// url returns how this machine reaches console and API.
func (o *Options) url() string {
	_, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		port = defaultPort
	}
	return "https://" + net.JoinHostPort(cmp.Or(oneHost(o.Listen), "localhost"), port)
}

// names returns under which names others may reach this machine, the most
// useful first: what it was told to listen on, then its address, because its
// name may lead nowhere.
func (o *Options) names() []string {
	var list []string
	for _, name := range append([]string{oneHost(o.Listen), oneHost(o.Stream)}, machineNames()...) {
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// oneHost returns the host of an address to listen on, "" when that stands for
// every address of this machine.
func oneHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if ip, notIP := netip.ParseAddr(host); err != nil || notIP == nil && ip.IsUnspecified() {
		return ""
	}
	return host
}

// machineNames returns the names of this machine, its address first.
func machineNames() []string {
	var list []string
	// No packet is sent: connecting a datagram socket only asks the kernel
	// which address it would send from. 192.0.2.1 is nobody's, RFC 5737.
	if conn, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		if address, _, err := net.SplitHostPort(conn.LocalAddr().String()); err == nil {
			list = append(list, address)
		}
		conn.Close()
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		list = append(list, name)
	}
	return append(list, "localhost", "127.0.0.1")
}
