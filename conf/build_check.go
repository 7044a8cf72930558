package conf

import (
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/healthcheck"
)

// checkSet holds the top-level checks by name.
type checkSet struct {
	*builder
	named map[string]healthcheck.Check
	nodes []*node
	used  map[string]bool
}

// namedChecks builds the top-level checks.
func (b *builder) namedChecks(nodes []*node) *checkSet {
	s := &checkSet{builder: b, named: map[string]healthcheck.Check{}, used: map[string]bool{}}
	names := b.names()
	for _, n := range nodes {
		c := b.check(n)
		c.Name = n.labels[1]
		if names.add(n) {
			s.named[c.Name] = c
			s.nodes = append(s.nodes, n)
		}
	}
	return s
}

// of returns the checks of a virtual_server or real_server: those it names,
// then its own.
func (s *checkSet) of(n *node) []healthcheck.Check {
	var out []healthcheck.Check
	first := map[string]hcl.Range{}
	for _, name := range get[[]located[string]](n, "checks") {
		c, ok := s.named[name.v]
		prev, again := first[name.v]
		first[name.v] = name.rng
		switch {
		case again:
			s.errorf("duplicate_name", name.rng, "", "check %q appears twice, first at %s", name.v, where(prev))
		case !ok:
			s.absent("unknown_check", name.rng, s.hint(name.v), "there is no check called %q", name.v)
		default:
			out = append(out, c)
		}
		s.used[name.v] = true
	}
	for _, k := range n.all("check") {
		out = append(out, s.check(k))
	}
	return out
}

func (s *checkSet) hint(name string) string {
	var known []string
	for _, n := range s.nodes {
		known = append(known, n.labels[1])
	}
	if len(known) == 0 {
		return `define it at top level: check "http" "` + name + `" { … }`
	}
	return didYouMean(name, known)
}

// reportUnused warns about checks that nobody refers to.
func (s *checkSet) reportUnused() {
	if s.errors > 0 || s.partial {
		return
	}
	for _, n := range s.nodes {
		if !s.used[n.labels[1]] {
			s.warnf("unused_check", n.def, "checks = [\""+n.labels[1]+"\"] in a virtual_server or real_server", "%s is not used", n)
		}
	}
}

// replaceKinds returns a service's checks with a real server's own ones: they
// replace those of the same kind.
func replaceKinds(service, own []healthcheck.Check) []healthcheck.Check {
	var out []healthcheck.Check
	for _, c := range service {
		if !slices.ContainsFunc(own, func(o healthcheck.Check) bool { return o.Settings.Kind == c.Settings.Kind }) {
			out = append(out, c)
		}
	}
	return append(out, own...)
}

// check builds one check.
func (b *builder) check(n *node) healthcheck.Check {
	c := healthcheck.Check{
		Settings: healthcheck.Settings{
			Kind:        healthcheck.Kind(n.labels[0]),
			Timeout:     get[time.Duration](n, "timeout"),
			Method:      get[string](n, "method"),
			Path:        get[string](n, "path"),
			VirtualHost: get[string](n, "virtual_host"),
			Status:      get[string](n, "status"),
			Expect:      get[string](n, "expect"),
			SNI:         get[string](n, "sni"),
			VerifyTLS:   get[bool](n, "verify"),
		},
		Timing: healthcheck.Timing{
			Interval: get[time.Duration](n, "interval"),
			Rise:     int(get[int64](n, "rise")),
			Fall:     int(get[int64](n, "fall")),
		},
		Port: uint16(get[int64](n, "port")),
	}
	b.checkSettings(n, c)
	return c
}

// checkSettings reports what package healthcheck finds, at the attribute.
func (b *builder) checkSettings(n *node, c healthcheck.Check) {
	for _, p := range c.Validate() {
		field := p.Field
		if field == "verify_tls" {
			field = "verify"
		}
		if !n.bad(field) {
			b.errorf("bad_check", n.at(field), p.Hint, "%s", p.Summary)
		}
	}
	if c.Settings.Timeout > c.Timing.Interval && !n.bad("timeout", "interval") {
		at := n.at("timeout")
		if !n.has("timeout") {
			at = n.at("interval")
		}
		b.warnf("timeout_above_interval", at, "", "timeout %s is longer than interval %s: a server that does not answer is probed less often",
			shortDuration(c.Settings.Timeout), shortDuration(c.Timing.Interval))
	}
}
