package ldirectord

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/vipd/vipd/conf"
)

// real is one real server or fallback.
type real struct {
	setting
	host             string
	port             int // 0 = not written
	forward          string
	weight           int
	request, receive string
	own              bool // has a request and a receive of its own
	lower, upper     int
}

var forwards = map[string]string{"gate": "direct", "masq": "masquerade", "ipip": "tunnel"}

// realLine is a real server's value: address, method, weight, request and
// receive, thresholds. The order of the thresholds is fixed.
var realLine = regexp.MustCompile(`^(\S+)(?:\s+([a-z]+))?(?:\s+(\d+))?(?:\s+"([^"]*)"[,\s]\s*"([^"]*)")?(?:\s+l:(\d+))?(?:\s+u:(\d+))?$`)

// lostThreshold finds thresholds in the order that ldirectord loses.
var lostThreshold = regexp.MustCompile(`\bu:\d+\s+l:\d+`)

// real reads a real server; a range is several.
func (t *translator) real(s setting, six bool, protocol string) []real {
	if lostThreshold.MatchString(s.text) {
		t.errorf("lost_threshold", s.at, "write l:N before u:N", "ldirectord silently drops a threshold u:N that stands before l:N")
		return nil
	}
	m := realLine.FindStringSubmatch(s.text)
	switch {
	case m == nil:
		t.errorf("bad_real", s.at, `address[->address][:port] gate|masq|ipip [weight] ["request", "receive"] [l:N] [u:N]`, "real server %q has a wrong format", s.text)
		return nil
	case m[2] == "":
		t.errorf("bad_real", s.at, "add gate, masq or ipip", "real server %q has no forwarding method", s.text)
		return nil
	case forwards[m[2]] == "":
		t.errorf("bad_real", s.at, "use gate, masq or ipip", "unknown forwarding method %q", m[2])
		return nil
	}
	r := real{setting: s, forward: forwards[m[2]], weight: 1, request: m[4], receive: m[5], own: strings.Contains(s.text, `"`)}
	for i, to := range map[int]*int{3: &r.weight, 6: &r.lower, 7: &r.upper} {
		if m[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i], 10, 32)
		if err != nil {
			t.errorf("bad_real", s.at, "", "number %s is too large", m[i])
			return nil
		}
		*to = int(n)
	}
	return t.realAddresses(r, m[1], six, protocol)
}

// realAddresses reads the address of a real server.
func (t *translator) realAddresses(r real, text string, six bool, protocol string) []real {
	from, rest, isRange := strings.Cut(text, "->")
	if !isRange {
		rest = from
	}
	host, port := hostPort(rest)
	if port != "" {
		var ok bool
		if r.port, ok = t.port(r.at, port, protocol); !ok {
			return nil
		}
	}
	hosts := []string{host}
	if isRange {
		var ok bool
		if hosts, ok = t.span(r.at, from, host); !ok {
			return nil
		}
	}
	var all []real
	for _, h := range hosts {
		if !t.family(r.at, "real server", h, six) {
			return nil
		}
		one := r
		one.host = h
		all = append(all, one)
	}
	return all
}

// fallback reads the server of last resort.
func (t *translator) fallback(s setting, six bool, protocol string) (real, bool) {
	words := strings.Fields(s.text)
	if len(words) == 0 || len(words) > 2 {
		t.errorf("bad_fallback", s.at, "address[:port] [gate|masq|ipip]", "fallback %q has a wrong format", s.text)
		return real{}, false
	}
	r := real{setting: s, forward: "direct", weight: 1}
	if len(words) == 2 {
		if r.forward = forwards[words[1]]; r.forward == "" {
			t.errorf("bad_fallback", s.at, "use gate, masq or ipip", "unknown forwarding method %q", words[1])
			return real{}, false
		}
	}
	host, port := hostPort(words[0])
	if r.host = host; !t.family(s.at, "fallback", host, six) {
		return real{}, false
	}
	if port != "" {
		var ok bool
		if r.port, ok = t.port(s.at, port, protocol); !ok {
			return real{}, false
		}
	}
	return r, true
}

// address is what the language has for a real server. Where the kernel
// changes no port, only the service's own can be written.
func (r real) address(service int) string {
	if r.forward != "masquerade" && r.port != service && service != 0 {
		return join(r.host, 0)
	}
	return join(r.host, r.port)
}

// block puts what a real server and a fallback have in common.
func (r real) block(b *conf.Block, forward string) *conf.Block {
	b.At(r.at)
	if r.weight != 1 {
		b.Set("weight", r.weight)
	}
	if r.forward != forward {
		b.Set("forward", r.forward)
	}
	return b
}
