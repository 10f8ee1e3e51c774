package respell

import (
	"encoding/binary"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// crooked reports whether a line may hold a path or an address that has a
// straighter spelling.
func crooked(line string) bool {
	if strings.Contains(line, "/.") && (strings.Contains(line, "/./") || strings.Contains(line, "/../")) {
		return true
	}
	for rest := line; ; {
		i := strings.Index(rest, "//")
		switch {
		case i < 0:
			return false
		case i == 0 || rest[i-1] != ':' || oddHost(hostIn(rest[i+2:])):
			return true
		}
		rest = rest[i+2:]
	}
}

// canonical writes a path or an address in an argument without detours. Other
// arguments stay as they are.
func canonical(arg string) string {
	if at := strings.Index(arg, "://"); at >= 0 {
		return canonicalAddress(arg, at)
	}
	at := strings.IndexByte(arg, '/')
	if at < 0 || at > 0 && strings.IndexByte("=:@,.<>", arg[at-1]) < 0 && arg[0] != '-' || strings.HasSuffix(arg[:at], "..") {
		return arg
	}
	return arg[:at] + straight(arg[at:])
}

// straight cleans an absolute path, keeping a slash at its end.
func straight(p string) string {
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// canonicalAddress writes the scheme and host of a URL in small letters, a host
// that is a number as an address, and the path without doubled slashes.
func canonicalAddress(arg string, at int) string {
	begin := at
	for begin > 0 && letter(arg[begin-1]) {
		begin--
	}
	host := hostIn(arg[at+3:])
	file := arg[at+3+len(host):]
	if way, query, _ := strings.Cut(file, "?"); strings.Contains(way, "//") && !strings.Contains(way, "://") {
		for strings.Contains(way, "//") {
			way = strings.ReplaceAll(way, "//", "/")
		}
		file = way + strings.TrimPrefix(file[len(file)-len(query):], "?")
		if query != "" {
			file = way + "?" + query
		}
	}
	return arg[:begin] + strings.ToLower(arg[begin:at]) + "://" + dotted(strings.ToLower(host)) + file
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// hostIn returns the host, with user and port, at the begin of a URL's rest.
func hostIn(rest string) string {
	if end := strings.IndexAny(rest, "/?# \t\n'\"|;&<>()`"); end >= 0 {
		return rest[:end]
	}
	return rest
}

// oddHost reports whether a host has another spelling: capitals, or a number
// that is no address in four parts.
func oddHost(host string) bool {
	for i := range len(host) {
		if host[i] >= 'A' && host[i] <= 'Z' {
			return true
		}
	}
	return host != dotted(host)
}

// dotted returns an IPv4 address in four decimal parts for one in another form
// that inet_aton(3) takes, and any other host as it is.
func dotted(host string) string {
	if host == "" || host[0] < '0' || host[0] > '9' {
		return host
	}
	name, port, colon := strings.Cut(host, ":")
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		return host
	}
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return host
	}
	var address uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		last := i == len(parts)-1
		if err != nil || strings.ContainsAny(part, "_bB") && !strings.HasPrefix(strings.ToLower(part), "0x") || !last && n > 255 {
			return host
		}
		if last {
			if n >= 1<<(8*(4-i)) {
				return host
			}
			address |= n
		} else {
			address |= n << (8 * (3 - i))
		}
	}
	var four [4]byte
	binary.BigEndian.PutUint32(four[:], uint32(address))
	text := netip.AddrFrom4(four).String()
	if colon {
		text += ":" + port
	}
	return text
}
