package healthcheck

import (
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
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
	all := slices.Concat(c.Settings.Validate(), c.Timing.Validate())
	if k, ok := specOf(c.Settings.Kind); ok && c.Timing.Cheap > 0 && (k.local || c.Settings.Kind == KindPing) {
		all = append(all, Problem{Field: "cheap", Summary: fmt.Sprintf("a connection cannot stand in for a check of kind %s", k.kind)})
	}
	if k, ok := specOf(c.Settings.Kind); ok && c.Timing.Latency.Target > 0 && (k.local || k.kind == KindAgent) {
		all = append(all, Problem{Field: "latency_target", Summary: fmt.Sprintf("the duration of a check of kind %s is not the latency of a server", k.kind)})
	}
	return all
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
	if t.Retry != 0 && t.Retry < MinInterval {
		p.add("retry_interval", "", "retry_interval %s is shorter than %s", t.Retry, MinInterval)
	}
	if t.DownInterval != 0 && t.DownInterval < MinInterval {
		p.add("down_interval", "", "down_interval %s is shorter than %s", t.DownInterval, MinInterval)
	}
	if t.Warmup < 0 || t.Cheap < 0 || t.Flaps < 0 || t.FlapWindow < 0 {
		p.add("warmup", "", "warmup, cheap, flaps and flap_window cannot be negative")
	}
	if (t.Flaps == 0) != (t.FlapWindow == 0) {
		p.add("flaps", "", "flaps and flap_window need each other")
	}
	t.Latency.validate(&p)
	return p
}

// Validate returns everything that is wrong with the settings. Settings that
// pass can be probed with.
func (s Settings) Validate() []Problem {
	var p problems
	known, ok := specOf(s.Kind)
	if !ok {
		p.add("kind", kindHint(), "unknown kind of check %q", s.Kind)
		return p
	}
	if s.Timeout < MinInterval {
		p.add("timeout", "", "timeout %s is shorter than %s", s.Timeout, MinInterval)
	}
	s.validateTLS(&p, known)
	s.validateNetwork(&p, known)
	switch {
	case known.defaults == nil && s.Params != nil, known.defaults != nil && reflect.TypeOf(s.Params) != reflect.TypeOf(known.defaults):
		p.add("kind", "", "parameters of type %T do not belong to a check of kind %s", s.Params, s.Kind)
	case s.Params != nil:
		s.Params.validate(s, &p)
	}
	return p
}

func kindHint() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return "known kinds: " + strings.Join(names, ", ")
}

// validateTLS judges mode and server name (RFC 6066 section 3: a DNS name, no
// address, no port).
func (s Settings) validateTLS(p *problems, known spec) {
	t := s.TLS
	if !slices.Contains(known.modes, t.Mode) {
		p.add("tls", "", "checks of kind %s cannot have tls %q", s.Kind, t.word())
		return
	}
	if t.Mode == TLSOff {
		off := func(set bool, field string) {
			if set {
				p.add(field, "", "%s is for encrypted checks", field)
			}
		}
		off(t.ServerName != "", "sni")
		off(t.Verify, "verify")
		off(t.MinDays != 0, "min_days")
		off(t.Certificate+t.Key != "", "certificate")
		return
	}
	_, err := netip.ParseAddr(t.ServerName)
	if t.ServerName != "" && (err == nil || !validHost(t.ServerName) || strings.Contains(t.ServerName, ":")) {
		p.add("sni", "write a DNS name", "server name %q is not a DNS name", t.ServerName)
	}
	if t.MinDays < 0 {
		p.add("min_days", "", "min_days %d is negative", t.MinDays)
	}
	if (t.Certificate == "") != (t.Key == "") {
		p.add("certificate", "", "a certificate needs its key, and a key its certificate")
	}
	for _, path := range []string{t.Certificate, t.Key} {
		if path != "" && !strings.HasPrefix(path, "/") {
			p.add("certificate", "", "path %q is not absolute", path)
		}
	}
}

func (t TLS) word() string {
	if t.Mode == TLSOff {
		return "off"
	}
	return string(t.Mode)
}

// validateNetwork judges from where probes are sent.
func (s Settings) validateNetwork(p *problems, known spec) {
	n := s.Network
	if known.local && n != (Network{}) {
		p.add("source", "", "checks of kind %s send nothing", s.Kind)
		return
	}
	if n.Source.IsValid() && (n.Source.IsUnspecified() || n.Source.IsMulticast()) {
		p.add("source", "write an address of this host", "source %s is no address to send from", n.Source)
	}
	if len(n.Interface) > 15 || strings.ContainsFunc(n.Interface, notVisible) || strings.Contains(n.Interface, "/") {
		p.add("interface", "", "%q cannot be an interface name", n.Interface)
	}
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

// regexp judges a regular expression.
func (p *problems) regexp(field, text string) {
	if _, err := regexp.Compile(text); err != nil {
		p.add(field, "RE2 syntax: no look-around, no back-references",
			"%s is not a regular expression: %s", field, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}

// line judges a text that stands in a line of a protocol: a line end would
// smuggle in another command.
func (p *problems) line(field, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		p.add(field, "", "%s contains a control character", strings.ReplaceAll(field, "_", " "))
	}
}

// word is like line, for a text that stands between spaces.
func (p *problems) word(field, text string) {
	if strings.ContainsFunc(text, notVisible) {
		p.add(field, "", "%s contains a space, a control or a non-ASCII character", strings.ReplaceAll(field, "_", " "))
	}
}

// needs reports a field that means nothing without another one.
func (p *problems) needs(field string, set bool, other string, has bool) {
	if set && !has {
		p.add(field, "", "%s needs %s", field, other)
	}
}
