package keepalived

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// checks builds the checks of a real server, all of which must be content.
func (r *reader) checks(v *service, rs *server, target netip.AddrPort) []healthcheck.Check {
	var out []healthcheck.Check
	for _, c := range rs.checks {
		m := merged(v, rs, c)
		base := healthcheck.Check{
			Settings: healthcheck.Settings{
				Kind: c.kind, Timeout: max(or(m.timeout, defaultTimeout), healthcheck.MinInterval),
				Network: healthcheck.Network{Source: or(c.source, netip.Addr{}), Interface: or(c.iface, ""), Mark: uint32(or(c.mark, 0)), Port: uint16(or(c.sourcePort, 0))},
			},
			Timing:  timingOf(m, c.kind),
			Address: or(c.address, netip.Addr{}), Port: uint16(or(c.port, 0)),
		}
		if !needsPort(c.kind) {
			base.Port = 0
		}
		r.sameFamily(c, &base, target.Addr())
		base.Timing.LogFailures = or(first(c.logFailures, r.global.logFailures), false)
		for _, one := range r.kinds(c, m, base) {
			if target.Port() == 0 && one.Port == 0 && needsPort(c.kind) {
				r.errorf(c.at, "missing_port", "connect_port N", "the check of %s needs a port", target.Addr())
				break
			}
			if r.valid(c, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// sameFamily leaves out an address to send from that cannot reach the target.
func (r *reader) sameFamily(c *check, one *healthcheck.Check, target netip.Addr) {
	if one.Address.IsValid() {
		target = one.Address
	}
	if source := one.Settings.Network.Source; source.IsValid() && source.Is4() != target.Is4() {
		r.warnf(c.at, "mixed_families", "", "bindto %s is of another family than %s; it is ignored, as keepalived does", source, target)
		one.Settings.Network.Source = netip.Addr{}
	}
}

func needsPort(k healthcheck.Kind) bool { return k != healthcheck.KindPing && !k.Local() }

// valid reports what package healthcheck finds.
func (r *reader) valid(c *check, one healthcheck.Check) bool {
	problems := one.Validate()
	for _, p := range problems {
		r.errorf(c.at, "bad_check", p.Hint, "%s", p.Summary)
	}
	return len(problems) == 0
}

// kinds completes a check by what its kind has; one of several URLs becomes
// several.
func (r *reader) kinds(c *check, m timing, base healthcheck.Check) []healthcheck.Check {
	s := &base.Settings
	switch c.kind {
	case healthcheck.KindTCP:
		s.Params = healthcheck.TCP{}
	case healthcheck.KindHTTP, healthcheck.KindHTTPS:
		return r.http(c, m, base)
	case healthcheck.KindSMTP:
		s.Params = healthcheck.SMTP{Hello: or(c.hello, "smtpchecker.keepalived.org")}
	case healthcheck.KindDNS:
		return []healthcheck.Check{r.dns(c, base)}
	case healthcheck.KindUDP:
		p, ok := r.udp(c)
		if !ok {
			return nil
		}
		s.Params = p
	case healthcheck.KindScript:
		return r.misc(c, m, base)
	case healthcheck.KindFile:
		return r.fileCheck(c, base)
	}
	return []healthcheck.Check{base}
}

// dns builds DNS_CHECK. A name or type that there is not is ignored, as keepalived
// does.
func (r *reader) dns(c *check, base healthcheck.Check) healthcheck.Check {
	with := func(name, kind string) healthcheck.Check {
		base.Settings.Params = healthcheck.DNS{Name: name, Type: strings.ToUpper(kind), Code: "NOERROR", Transport: "udp"}
		return base
	}
	name, kind := or(c.query, "."), or(c.dnsType, "SOA")
	for _, p := range with(name, "SOA").Validate() {
		r.warnf(c.at, "bad_value", p.Hint, "%s; as in keepalived, it is .", p.Summary)
		name = "."
	}
	for _, p := range with(".", kind).Validate() {
		r.warnf(c.at, "bad_value", p.Hint, "%s; as in keepalived, it is SOA", p.Summary)
		kind = "SOA"
	}
	return with(name, kind)
}

// misc builds MISC_CHECK. Without a program that will run the real server is
// not checked, as in keepalived.
func (r *reader) misc(c *check, m timing, base healthcheck.Check) []healthcheck.Check {
	if c.path == nil {
		r.warnf(c.at, "missing_value", "misc_path \"PROGRAM ARGUMENT…\"", "MISC_CHECK has no misc_path; it is ignored")
		return nil
	}
	c.path.user = cmp.Or(c.path.user, or(c.user, ""))
	command := r.found(c.path, "MISC_CHECK")
	if command == nil {
		return nil
	}
	p := healthcheck.Script{Command: healthcheck.ListOf(command...), User: cmp.Or(c.path.user, or(r.global.scriptUser, ""))}
	if or(c.dynamic, false) {
		p.Codes = healthcheck.ExitWeight
	}
	base.Settings.Params = p
	base.Settings.Network = healthcheck.Network{}
	base.Settings.Timeout = max(or(c.scriptTimeout, base.Timing.Interval), healthcheck.MinInterval)
	return []healthcheck.Check{base}
}

// fileCheck builds FILE_CHECK from the track_file that it names.
func (r *reader) fileCheck(c *check, base healthcheck.Check) []healthcheck.Check {
	i := slices.IndexFunc(r.files, func(f *trackFile) bool { return c.file != nil && f.name == *c.file })
	if i < 0 || r.files[i].path == nil {
		r.warnf(c.at, "unknown_track", "", "there is no track_file %q for FILE_CHECK; it is ignored, as keepalived does", or(c.file, ""))
		return nil
	}
	base.Settings.Network = healthcheck.Network{}
	base.Settings.Params = healthcheck.File{Path: r.fullPath(r.files[i]), Weight: or(first(c.weight, r.files[i].weight), 1)}
	return []healthcheck.Check{base}
}

// userAgent is what keepalived calls itself: servers may know it.
const userAgent = "User-Agent: KeepAliveClient"

// http builds one check for each url.
func (r *reader) http(c *check, m timing, base healthcheck.Check) []healthcheck.Check {
	urls := c.urls
	if len(urls) == 0 {
		r.warnf(c.at, "missing_value", "url { path / }", "the check has no url; / is asked for")
		urls = []*url{{at: c.at}}
	}
	var out []healthcheck.Check
	for _, u := range urls {
		one := base
		host := or(first(u.host, m.host), "")
		p := healthcheck.HTTP{
			Version: httpVersion(or(c.protocol, "1.0")), Method: "GET", Paths: healthcheck.ListOf(absolute(or(u.path, "/"))), VirtualHost: host,
			Headers: healthcheck.ListOf(userAgent), Status: u.status, Digest: strings.ToLower(or(u.digest, "")), Expect: u.pattern(),
		}
		if or(u.noMatch, false) {
			p.Expect, p.Refuse = "", p.Expect
		}
		if p.Status == "" {
			p.Status = "200-299"
			if p.Digest != "" || p.Expect != "" || p.Refuse != "" {
				p.Status = "100-599"
			}
		}
		if c.kind == healthcheck.KindHTTPS {
			one.Settings.TLS = healthcheck.TLS{Mode: healthcheck.TLSOn, Certificate: or(r.certificate, ""), Key: or(first(r.certificateKey, r.certificate), "")}
			p.TLSClose = or(first(u.tlsClose, c.tlsClose), false)
			if or(c.sni, false) {
				one.Settings.TLS.ServerName = serverName(or(c.sniName, host))
			}
		}
		one.Settings.Params = p
		out = append(out, one)
	}
	return out
}

// httpVersion is the version of a request; keepalived takes what it does not
// know for 1.0.
func httpVersion(word string) healthcheck.HTTPVersion {
	switch v := healthcheck.HTTPVersion(strings.ToUpper(word)); v {
	case healthcheck.HTTP10Close, healthcheck.HTTP1:
		return v
	}
	return healthcheck.HTTP10
}

// absolute completes a path that lacks the first slash.
func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// serverName is a host without the port.
func serverName(host string) string {
	name, _, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}

// udp builds UDP_CHECK.
func (r *reader) udp(c *check) (healthcheck.UDP, bool) {
	p := healthcheck.UDP{Silent: !c.wantReply}
	p.Send = healthcheck.Bytes(c.payload)
	p.MinLength, p.MaxLength = or(c.replyLeast, 0), or(c.replyMost, 0)
	if c.reply == nil {
		return p, true
	}
	if len(*c.reply)%2 != 0 {
		r.warnf(c.at, "bad_value", "two hexadecimal digits, or XX, for each octet", "require_reply %q is not understood: any answer will do, as in keepalived", *c.reply)
		return p, true
	}
	var pattern strings.Builder
	pattern.WriteString(`^(?s:`)
	for i := 0; i < len(*c.reply); i += 2 {
		pair := (*c.reply)[i : i+2]
		n, err := strconv.ParseUint(pair, 16, 8)
		switch {
		case strings.EqualFold(pair, "XX"):
			pattern.WriteString(`.`)
		case err != nil || n > 0x7f:
			r.errorf(c.at, "not_supported", "", "require_reply %q: octets above 7f and single wildcard digits are not supported", *c.reply)
			return p, false
		default:
			pattern.WriteString(regexp.QuoteMeta(string(rune(n))))
		}
	}
	p.Expect = pattern.String() + `)`
	return p, true
}
