package conf

import (
	"encoding/hex"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vipd/vipd/healthcheck"
)

type check = healthcheck.Check

// checksOf writes the checks of a service or real server: by name those that
// have one, within the block the others.
func (w *writer) checksOf(m maker, checks []check) {
	var names []string
	for _, c := range checks {
		if c.Name != "" && w.name(c) {
			names = append(names, c.Name)
			continue
		}
		w.check(m.child("check", string(c.Settings.Kind)), c)
	}
	m.set("checks", names)
}

// name writes a named check once. It fails when another check has the name,
// as checks do that were made for each service.
func (w *writer) name(c check) bool {
	if have, ok := w.checks[c.Name]; ok {
		return reflect.DeepEqual(have, c)
	}
	if w.checks == nil {
		w.checks = map[string]check{}
	}
	w.checks[c.Name] = c
	m := newMaker(namedCheckBlock, string(c.Settings.Kind), c.Name)
	w.check(m, c)
	w.named = append(w.named, m)
	return true
}

func (w *writer) check(m maker, c check) {
	t, s := c.Timing, c.Settings
	m.set("interval", t.Interval)
	m.set("timeout", s.Timeout)
	m.set("rise", t.Rise)
	m.set("fall", t.Fall)
	m.set("retry_interval", t.Retry)
	m.set("down_interval", t.DownInterval)
	m.set("warmup", t.Warmup)
	m.set("cheap", t.Cheap)
	m.set("flaps", t.Flaps)
	m.set("flap_window", t.FlapWindow)
	if w := t.Latency; w.Target > 0 {
		m.pairs("latency_target", w.Target, "latency_floor", w.Floor, "latency_step", w.Step)
	}
	m.set("log_failures", t.LogFailures)
	m.set("log_file", t.LogFile)
	m.set("address", c.Address)
	if c.DependsOn != nil && w.name(*c.DependsOn) {
		m.set("depends_on", c.DependsOn.Name)
	}
	w.params(m, s)
	if modes := s.Kind.TLSModes(); len(modes) > 1 {
		mode := string(s.TLS.Mode)
		if s.TLS.Mode == healthcheck.TLSOff {
			mode = "off"
		}
		m.set("tls", mode)
	}
	if modes := s.Kind.TLSModes(); len(modes) > 1 || modes[0] != healthcheck.TLSOff {
		m.set("sni", s.TLS.ServerName)
		m.set("verify", s.TLS.Verify)
		m.set("min_days", s.TLS.MinDays)
		m.set("certificate", s.TLS.Certificate)
		m.set("certificate_key", s.TLS.Key)
	}
	if s.Kind.Local() {
		return
	}
	if s.Kind != healthcheck.KindPing {
		m.set("port", c.Port)
	}
	m.set("source", s.Network.Source)
	if s.Kind != healthcheck.KindPing {
		m.set("source_port", s.Network.Port)
	}
	m.set("interface", s.Network.Interface)
	m.set("fwmark", s.Network.Mark)
}

// pairs sets several keys: name, value, name, value.
func (m maker) pairs(list ...any) {
	for i := 0; i+1 < len(list); i += 2 {
		m.set(list[i].(string), list[i+1])
	}
}

// params writes what only checks of one kind have.
func (w *writer) params(m maker, s healthcheck.Settings) {
	switch p := s.Params.(type) {
	case healthcheck.HTTP:
		writeHTTP(m, s.Kind, p)
	case healthcheck.TCP:
		writeSend(m, p.Send)
		m.pairs("expect", p.Expect, "finish", p.Finish)
	case healthcheck.UDP:
		writeSend(m, p.Send)
		m.pairs("expect", p.Expect, "silence_is_success", p.Silent, "min_length", p.MinLength, "max_length", p.MaxLength)
	case healthcheck.Agent:
		m.set("send", string(p.Send))
	case healthcheck.GRPC:
		m.pairs("service", p.Service, "authority", p.Authority)
	case healthcheck.SMTP:
		m.set("hello", p.Hello)
	case healthcheck.Mailbox:
		m.pairs("user", p.User, "password", p.Password)
	case healthcheck.FTP:
		m.pairs("user", p.User, "password", p.Password, "path", p.Path, "expect", p.Expect)
	case healthcheck.DNS:
		m.pairs("name", p.Name, "type", p.Type, "expect", p.Expect, "code", p.Code, "transport", p.Transport)
	case healthcheck.LDAP:
		m.pairs("user", p.User, "password", p.Password, "base", p.Base, "filter", p.Filter, "expect", p.Expect)
	case healthcheck.SQL:
		m.pairs("user", p.User, "password", p.Password, "database", p.Database, "query", p.Query, "expect", p.Expect)
	case healthcheck.Oracle:
		m.set("service", p.Service)
	case healthcheck.RADIUS:
		m.pairs("user", p.User, "password", p.Password, "secret", p.Secret, "nas_identifier", p.NASIdentifier, "accept_reject", p.Reject)
	case healthcheck.SIP:
		m.pairs("user", p.User, "domain", p.Domain, "transport", p.Transport, "status", p.Status)
	case healthcheck.Redis:
		m.pairs("user", p.User, "password", p.Password, "role", p.Role)
	case healthcheck.Script:
		codes := string(p.Codes)
		if p.Codes == healthcheck.ExitPlain {
			codes = "plain"
		}
		m.pairs("command", p.Command.All(), "exit_codes", codes, "user", p.User)
	case healthcheck.File:
		m.pairs("path", p.Path, "weight", p.Weight, "words", p.Words)
	}
}

func writeHTTP(m maker, kind healthcheck.Kind, p healthcheck.HTTP) {
	switch paths := p.Paths.All(); {
	case kind == healthcheck.KindHTTPProxy:
		m.set("url", strings.Join(paths, " "))
	case len(paths) == 1:
		m.set("path", paths[0])
	default:
		m.set("paths", paths)
	}
	m.pairs("method", p.Method, "virtual_host", p.VirtualHost, "headers", p.Headers.All(), "status", p.Status, "expect", p.Expect, "refuse", p.Refuse,
		"digest", p.Digest, "json_path", p.JSONPath, "json_value", p.JSONValue, "redirects", p.Redirects,
		"keep_alive", p.KeepAlive, "tls_close", p.TLSClose, "version", string(p.Version))
}

// writeSend writes what is sent, as text if it is one.
func writeSend(m maker, b healthcheck.Bytes) {
	text := string(b)
	bad := func(r rune) bool { return !unicode.IsPrint(r) && r != '\r' && r != '\n' && r != '\t' }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, bad) {
		m.set("send", text)
		return
	}
	m.set("send_hex", hex.EncodeToString([]byte(b)))
}
