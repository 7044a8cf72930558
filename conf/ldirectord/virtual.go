package ldirectord

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
)

// service is a virtual server on its way into the document.
type service struct {
	*block
	timing
	name     string
	mark     int
	host     string
	port     int // 0 for a mark
	protocol string
	kind     string // service of the negotiation
	forward  string // of most real servers
	reals    []real
}

var onlyDigits = regexp.MustCompile(`^\d+$`)

// virtual translates one virtual server.
func (t *translator) virtual(b, all *block) {
	s := &service{block: b, timing: t.timingOf(b, all), protocol: "tcp"}
	if !t.address(s) {
		return
	}
	for i, line := range b.reals {
		if b.real6[i] && !b.six {
			t.errorf("family", line.at, "use real, or virtual6", "real6 stands in a block for IPv4")
			continue
		}
		s.reals = append(s.reals, t.real(line, b.six, s.portProtocol())...)
	}
	s.forward = mostCommon(s.reals)
	t.remark(b)
	if b.has("comment") && !mailed(b, all) {
		t.notef(b.where("comment"), "comment has no effect: it is for mails only")
	}
	out := t.doc.Add("virtual_server", t.name(s)).At(b.at)
	t.service(s, out)
	t.pool(s, all, out)
	t.alert(s, all, out)
	t.tail(s, all, out)
}

// address reads where the virtual server listens, and what follows from that.
func (t *translator) address(s *service) bool {
	if s.text("protocol") != "" {
		s.protocol = s.text("protocol")
	}
	at := s.block.at
	if onlyDigits.MatchString(s.block.setting.text) {
		mark, err := strconv.ParseUint(s.block.setting.text, 10, 32)
		if err != nil || mark == 0 {
			t.errorf("bad_mark", at, "", "firewall mark %s is out of range", s.block.setting.text)
			return false
		}
		s.mark, s.kind = int(mark), "none"
		if p := s.text("protocol"); p != "" && p != "fwm" {
			t.errorf("bad_protocol", s.where("protocol"), "leave it out", "protocol %s is not for a firewall mark", p)
		}
	} else if !t.listen(s) {
		return false
	}
	if kind := s.text("service"); kind != "" {
		s.kind = kind
	}
	return true
}

// listen reads "address:port".
func (t *translator) listen(s *service) bool {
	at := s.block.at
	host, port := hostPort(s.block.setting.text)
	switch {
	case !s.six && strings.Count(s.block.setting.text, ":") > 1:
		t.errorf("family", at, "use virtual6 = [address]:port with real6 and fallback6", "%s is an IPv6 address in a block for IPv4", s.block.setting.text)
		return false
	case port == "" && s.block.setting.text != "" && s.block.setting.text[0] >= '0' && s.block.setting.text[0] <= '9' && !s.six:
		t.errorf("missing_port", at, "write address:port", "%q has no port: ldirectord reads its first number as a firewall mark", s.block.setting.text)
		return false
	case port == "" || host == "":
		t.errorf("missing_port", at, "write address:port, or the number of a firewall mark", "virtual server %q has no port", s.block.setting.text)
		return false
	case !t.family(at, "virtual server", host, s.six):
		return false
	}
	if !s.has("protocol") && (port == "53" || port == "domain") {
		s.protocol = "udp"
	}
	if s.protocol != "tcp" && s.protocol != "udp" {
		t.errorf("bad_protocol", s.where("protocol"), "use tcp or udp", "protocol %q is not for an address", s.protocol)
		return false
	}
	var ok bool
	if s.port, ok = t.port(at, port, s.protocol); !ok {
		return false
	}
	s.kind = serviceOf(s.port)
	s.host, ok = t.resolve(at, host, s.six)
	return ok
}

// portProtocol is the protocol in which service names are looked up.
func (s *service) portProtocol() string {
	if s.mark != 0 {
		return "tcp"
	}
	return s.protocol
}

// notName are runs of characters that a name cannot have.
var notName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// maxName is the length of a name with room for a number behind it.
const maxName = 60

// name makes a name of the servicename, else of the address.
func (t *translator) name(s *service) string {
	name := strings.Trim(notName.ReplaceAllString(s.text("servicename"), "-"), "._-")
	switch {
	case name != "":
	case s.mark != 0 && s.six:
		name = fmt.Sprintf("fwmark6-%d", s.mark)
	case s.mark != 0:
		name = fmt.Sprintf("fwmark-%d", s.mark)
	default:
		name = strings.Trim(notName.ReplaceAllString(s.host, "-"), "-") + "-" + strconv.Itoa(s.port)
		if s.protocol == "udp" {
			name += "-udp"
		}
	}
	name = name[:min(len(name), maxName)]
	unique := name
	for i := 2; t.names[unique]; i++ {
		unique = fmt.Sprintf("%s-%d", name, i)
	}
	t.names[unique] = true
	return unique
}

// mostCommon returns the forwarding method of most real servers.
func mostCommon(reals []real) string {
	best, count := "direct", map[string]int{}
	for _, r := range reals {
		if count[r.forward]++; count[r.forward] > count[best] {
			best = r.forward
		}
	}
	return best
}

// service sets what concerns the service of the kernel.
func (t *translator) service(s *service, out *conf.Block) {
	switch {
	case s.mark != 0:
		out.SetAt("fwmark", s.mark, s.block.at)
		if s.six {
			out.Set("family", "ipv6")
		}
	default:
		out.SetAt("address", join(s.host, s.port), s.block.at)
		if s.protocol != "tcp" {
			out.SetAt("protocol", s.protocol, s.where("protocol"))
		}
	}
	scheduler := "wrr"
	if text := s.text("scheduler"); text != "" {
		if scheduler = firstWord.FindString(text); scheduler != text {
			t.warnf("odd_word", s.where("scheduler"), "write the name alone", "scheduler = %s is read as %q", text, scheduler)
		}
	}
	out.SetAt("scheduler", scheduler, s.where("scheduler"))
	if flags := s.text("schedflags"); flags != "" {
		out.SetAt("scheduler_flags", strings.FieldsFunc(flags, func(c rune) bool { return c == ',' || c == ' ' }), s.where("schedflags"))
	}
	out.Set("forward", s.forward)
	if s.text("ops") == "yes" {
		out.SetAt("one_packet", true, s.where("ops"))
	}
	if s.has("persistent") {
		p := out.Add("persistence").At(s.where("persistent"))
		p.Set("timeout", time.Duration(s.number("persistent"))*time.Second)
		if mask := s.text("netmask"); mask != "" {
			if s.six {
				mask = "/" + mask
			}
			p.SetAt("netmask", mask, s.where("netmask"))
		}
	} else if s.has("netmask") {
		t.notef(s.where("netmask"), "netmask has no effect without persistent")
	}
}

// pool sets what happens to real servers, and the server of last resort.
func (t *translator) pool(s *service, all *block, out *conf.Block) {
	from := first("quiescent", s.block, all)
	out.SetAt("quiescent", from.text("quiescent") == "yes", from.where("quiescent"))
	out.Set("alpha", true)
	from = first("cleanstop", s.block, all)
	if keep := from.text("cleanstop") == "no"; keep != t.keepTable {
		out.SetAt("keep_on_stop", keep, from.where("cleanstop"))
	}
	if from := first("fallbackcommand", s.block, all); from.text("fallbackcommand") != "" {
		at, command := from.where("fallbackcommand"), from.text("fallbackcommand")
		target := fmt.Sprint(s.mark)
		if s.mark == 0 {
			target = join(s.host, s.port)
		}
		protocol := s.protocol
		if s.mark != 0 {
			protocol = "fwm"
		}
		q := out.Add("quorum").At(at)
		q.SetAt("on_up", shell(command, "stop", target, protocol), at)
		q.SetAt("on_down", shell(command, "start", target, protocol), at)
	}
	if s.text("checktype") == "off" {
		return // ldirectord activates no fallback either
	}
	key := "fallback"
	if s.six {
		key = "fallback6"
	}
	from = first(key, s.block, all)
	if !from.has(key) {
		return
	}
	if r, ok := t.fallback(from.set[key], s.six, s.portProtocol()); ok {
		forward := s.forward
		if a, err := netip.ParseAddr(r.host); err == nil && a.IsLoopback() {
			forward = "direct"
		}
		if r.forward == forward {
			out.SetAt("fallback", r.address(s.port), r.at)
			return
		}
		r.block(out.Add("fallback", r.address(s.port)), forward)
	}
}

// plainPath matches a command that a shell would take for one word.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_/.,:@%+-]+$`)

// shell is a command that ldirectord gives to a shell with words behind it.
func shell(command string, words ...string) []string {
	if plainPath.MatchString(command) {
		return append([]string{command}, words...)
	}
	return []string{"/bin/sh", "-c", command + " " + strings.Join(words, " ")}
}

// tail puts the checks and the real servers.
func (t *translator) tail(s *service, all *block, out *conf.Block) {
	kind, ok := t.checkType(s)
	if !ok {
		return
	}
	common := slices.IndexFunc(s.reals, func(r real) bool { return !r.own })
	if common >= 0 {
		t.check(s, kind, s.reals[common], out)
	}
	for _, r := range s.reals {
		k := r.block(out.Add("real_server", r.address(s.port)), s.forward)
		if r.upper > 0 {
			k.Set("upper_threshold", r.upper)
		}
		if r.lower > 0 {
			k.Set("lower_threshold", r.lower)
		}
		if common < 0 || r.own || s.checkPort(r) != s.checkPort(s.reals[common]) {
			t.check(s, kind, r, k)
		}
	}
}

// checkPort is the port to check, 0 for the real server's own as it stands in
// the document.
func (s *service) checkPort(r real) int {
	switch {
	case s.has("checkport"):
		return s.number("checkport")
	case r.port > 0 && r.forward != "masquerade" && s.port != 0 && r.port != s.port:
		return r.port // the kernel uses the service's port, the checks this one
	case r.port > 0 || s.port > 0:
		return 0
	}
	return portOf(s.kind)
}
