package ldirectord

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/vipd/vipd/conf"
)

// parseServices reads /etc/services: the ports by "name/protocol".
func parseServices(text string) map[string]int {
	ports := map[string]int{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		number, protocol, ok := strings.Cut(words[1], "/")
		port, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		for i, name := range words {
			if i != 1 {
				ports[name+"/"+protocol] = port
			}
		}
	}
	return ports
}

// wellKnown are ports by the names that ldirectord files use, for hosts
// without /etc/services.
var wellKnown = map[string]int{
	"ftp": 21, "smtp": 25, "domain": 53, "http": 80, "www": 80, "pop3": 110, "nntp": 119, "imap": 143, "imap2": 143,
	"ldap": 389, "https": 443, "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995, "radius": 1812,
	"mysql": 3306, "sip": 5060, "postgresql": 5432,
}

// port reads a port number or a service name.
func (t *translator) port(at conf.Origin, text, protocol string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 65535 {
			t.errorf("bad_port", at, "", "port %d is not from 1 to 65535", n)
			return 0, false
		}
		return n, true
	}
	if n, ok := t.ports[text+"/"+protocol]; ok {
		return n, true
	}
	if n, ok := wellKnown[text]; ok {
		return n, true
	}
	t.errorf("bad_port", at, "write its number", "unknown service name %q", text)
	return 0, false
}

// hostPort splits "host:port", "[v6]:port", "host" and a bare IPv6 address.
func hostPort(s string) (host, port string) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, port, _ = strings.Cut(rest, "]")
		return host, strings.TrimPrefix(port, ":")
	}
	if strings.Count(s, ":") > 1 {
		return s, ""
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port
}

// join is the inverse of hostPort; port 0 is left out.
func join(host string, port int) string {
	switch six := strings.Contains(host, ":"); {
	case port == 0:
		return host
	case six:
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// family reports a literal address of the wrong family.
func (t *translator) family(at conf.Origin, what, host string, six bool) bool {
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return true // a name
	case a.Is6() && !six:
		t.errorf("family", at, "use virtual6 with real6 and fallback6", "%s %s is an IPv6 address in a block for IPv4", what, host)
	case !a.Is6() && six:
		t.errorf("family", at, "use virtual with real and fallback", "%s %s is an IPv4 address in a block for IPv6", what, host)
	default:
		return true
	}
	return false
}

// resolve looks a virtual server's host name up, as ldirectord does once.
func (t *translator) resolve(at conf.Origin, host string, six bool) (string, bool) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, true
	}
	if t.opts.Resolve == nil {
		t.errorf("bad_address", at, "", "%q is not an IP address", host)
		return "", false
	}
	addrs, err := t.opts.Resolve(host)
	for _, a := range addrs {
		if a.Unmap().Is6() == six {
			t.warnf("looked_up", at, "write the address: a director must start without DNS", "%s was looked up: %s", host, a.Unmap())
			return a.Unmap().String(), true
		}
	}
	if err != nil {
		t.errorf("unresolved", at, "write the address", "look up %q: %v", host, err)
	} else {
		t.errorf("unresolved", at, "write the address", "%q has no address of the right family", host)
	}
	return "", false
}

// maxRange bounds a range of real servers.
const maxRange = 1024

// span returns the addresses from one to another.
func (t *translator) span(at conf.Origin, from, to string) ([]string, bool) {
	a, errA := netip.ParseAddr(from)
	b, errB := netip.ParseAddr(to)
	switch {
	case errA != nil || errB != nil:
		t.errorf("bad_range", at, "both ends must be addresses", "%s->%s is not a range of addresses", from, to)
		return nil, false
	case a.Is6() || b.Is6():
		t.errorf("bad_range", at, "write a line for each", "a range of IPv6 addresses is not possible")
		return nil, false
	case b.Less(a):
		t.errorf("bad_range", at, "", "range %s->%s ends before it begins", from, to)
		return nil, false
	}
	var all []string
	for ; a.Compare(b) <= 0; a = a.Next() {
		if len(all) == maxRange {
			t.errorf("bad_range", at, "", "range %s->%s has more than %d addresses", from, to, maxRange)
			return nil, false
		}
		all = append(all, a.String())
	}
	return all, true
}

var firstWord = regexp.MustCompile(`[a-z]+`)
