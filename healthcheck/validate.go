package healthcheck

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MinInterval is the shortest interval and timeout a check may have. Below it
// a typing mistake ("5ms") would flood the real servers.
const MinInterval = 10 * time.Millisecond

// Problem is one reason why a check cannot be used.
type Problem struct {
	Field   string // the Go field's name in lower case with underscores: "virtual_host"
	Summary string // "status set …", complete without the field
	Hint    string // what to write instead; may be empty
}

// problems collects what the validation of one value finds.
type problems []Problem

func (p *problems) add(field, hint, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// Validate returns everything that is wrong with the settings and timing of
// the check; nil when it can be used.
func (c Check) Validate() []Problem {
	return slices.Concat(c.Settings.Validate(), c.Timing.Validate())
}

// Validate returns everything that is wrong with the timing.
func (t Timing) Validate() []Problem {
	var p problems
	if t.Interval < MinInterval {
		p.add("interval", "", "interval %s is shorter than %s", t.Interval, MinInterval)
	}
	if t.Rise < 1 {
		p.add("rise", "", "rise %d is not at least 1", t.Rise)
	}
	if t.Fall < 1 {
		p.add("fall", "", "fall %d is not at least 1", t.Fall)
	}
	return p
}

// Validate returns everything that is wrong with the settings. Settings that
// pass can be probed with.
func (s Settings) Validate() []Problem {
	var p problems
	if !slices.Contains(Kinds(), s.Kind) {
		p.add("kind", kindHint(), "unknown kind of check %q", s.Kind)
		return p
	}
	if s.Timeout < MinInterval {
		p.add("timeout", "", "timeout %s is shorter than %s", s.Timeout, MinInterval)
	}
	if s.Kind.web() {
		s.validateRequest(&p)
		s.validateAnswer(&p)
	}
	if s.Kind == KindHTTPS {
		s.validateTLS(&p)
	}
	s.validateForeign(&p)
	return p
}

func kindHint() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return "known kinds: " + strings.Join(names, ", ")
}

// validateRequest judges what goes to the server.
func (s Settings) validateRequest(p *problems) {
	if s.Method != "GET" && s.Method != "HEAD" {
		p.add("method", "use GET or HEAD", "method %q is not supported", s.Method)
	}
	if why := badPath(s.Path); why != "" {
		p.add("path", `for example "/health"`, "path %q %s", s.Path, why)
	}
	if s.VirtualHost != "" && !validHost(s.VirtualHost) {
		p.add("virtual_host", "write a host name, with a port if it is an unusual one",
			"virtual host %q is not a host name", s.VirtualHost)
	}
}

// badPath says what is wrong with a request target (RFC 9112 section 3.2.1:
// origin-form), "" if nothing is.
func badPath(path string) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return `does not start with "/"`
	case strings.ContainsFunc(path, notVisible):
		return "contains a space, a control or a non-ASCII character; write it as %XX"
	case strings.Contains(path, "#"):
		return `contains "#", which is never sent to a server`
	}
	if _, err := url.ParseRequestURI(path); err != nil {
		return "contains an incomplete %XX"
	}
	return ""
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

// validHost reports whether s may stand in a Host field: name or address,
// with or without a port.
func validHost(s string) bool {
	if strings.ContainsFunc(s, notVisible) || strings.ContainsAny(s, `/\@?#"<>%`) {
		return false
	}
	u, err := url.Parse("http://" + s)
	return err == nil && u.Hostname() != ""
}

// validateAnswer judges what is expected from the server.
func (s Settings) validateAnswer(p *problems) {
	if _, err := ParseStatusSet(s.Status); err != nil {
		p.add("status", `for example "200-299,304"`, "%v", err)
	}
	if _, err := regexp.Compile(s.Expect); err != nil {
		p.add("expect", "RE2 syntax: no look-around, no back-references",
			"expect is not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if s.Method == "HEAD" && s.Expect != "" {
		p.add("expect", "use GET", "the answer to HEAD has no body to expect text in")
	}
}

// validateTLS judges the server name (RFC 6066 section 3: a DNS name, no
// address, no port).
func (s Settings) validateTLS(p *problems) {
	if s.SNI == "" {
		return
	}
	_, err := netip.ParseAddr(s.SNI)
	if err == nil || !validHost(s.SNI) || strings.Contains(s.SNI, ":") {
		p.add("sni", "write a DNS name", "server name %q is not a DNS name", s.SNI)
	}
}

// validateForeign finds settings that the kind never looks at: they are
// mistakes, and would keep equal probes from being shared.
func (s Settings) validateForeign(p *problems) {
	foreign := func(set, known bool, field, kinds string) {
		if set && !known {
			p.add(field, "", "%s is for checks of kind %s", field, kinds)
		}
	}
	web, tls := s.Kind.web(), s.Kind == KindHTTPS
	foreign(s.Method != "", web, "method", "http and https")
	foreign(s.Path != "", web, "path", "http and https")
	foreign(s.VirtualHost != "", web, "virtual_host", "http and https")
	foreign(s.Status != "", web, "status", "http and https")
	foreign(s.Expect != "", web, "expect", "http and https")
	foreign(s.SNI != "", tls, "sni", "https")
	foreign(s.VerifyTLS, tls, "verify_tls", "https")
}
