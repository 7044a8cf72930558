package conf

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	s.depend()
	return s
}

// depend links the named checks to those they depend on.
func (s *checkSet) depend() {
	parent := map[string]string{}
	for _, n := range s.nodes {
		if n.has("depends_on") {
			parent[n.labels[1]] = get[string](n, "depends_on")
		}
	}
	for _, n := range s.nodes {
		name := n.labels[1]
		steps := 0
		for at := name; parent[at] != "" && steps <= len(parent); at = parent[at] {
			steps++
		}
		if steps > len(parent) {
			s.errorf("dependency_loop", n.at("depends_on"), "", "check %q depends on itself in the end", name)
			return
		}
	}
	done := map[string]bool{}
	var link func(n *node)
	link = func(n *node) {
		name := n.labels[1]
		if done[name] {
			return
		}
		done[name] = true
		if i := slices.IndexFunc(s.nodes, func(o *node) bool { return o.labels[1] == parent[name] }); i >= 0 {
			link(s.nodes[i])
		}
		c := s.named[name]
		c.DependsOn = s.dependency(n)
		s.named[name] = c
	}
	for _, n := range s.nodes {
		link(n)
	}
}

// dependency returns the check that a check depends on, nil for none.
func (s *checkSet) dependency(n *node) *healthcheck.Check {
	if !n.has("depends_on") {
		return nil
	}
	name := get[string](n, "depends_on")
	on, ok := s.named[name]
	if !ok {
		s.absent("unknown_check", n.at("depends_on"), s.hint(name), "there is no check called %q", name)
		return nil
	}
	s.used[name] = true
	return &on
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
		c := s.check(k)
		c.DependsOn = s.dependency(k)
		out = append(out, c)
	}
	return out
}

// inherit gives the checks of a service and of its real servers what its
// check_defaults say and they do not.
func (b *builder) inherit(service *node) {
	checks := service.all("check")
	for _, rs := range service.all("real_server") {
		checks = append(checks, rs.all("check")...)
	}
	first := map[string]*node{}
	for _, d := range service.all("check_defaults") {
		kind := d.labels[0]
		if prev := first[kind]; prev != nil {
			b.errorf("duplicate_block", d.def, "", "%s has %s twice, first at %s", service, d, where(prev.def))
			continue
		}
		first[kind] = d
		used := false
		for _, c := range checks {
			if c.labels[0] == kind {
				c.inherit(d)
				used = true
			}
		}
		if !used {
			b.warnf("unused_defaults", d.def, "", "%s has no check that %s is for", service, d)
		}
	}
}

// inherit takes what a check does not say itself.
func (n *node) inherit(defaults *node) {
	for name, v := range defaults.vals {
		otherwise := slices.ContainsFunc(exclusive, func(pair [2]string) bool {
			return pair[0] == name && n.written(pair[1]) || pair[1] == name && n.written(pair[0])
		})
		if !n.written(name) && !otherwise {
			n.vals[name] = v
		}
	}
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
	kind := healthcheck.Kind(n.labels[0])
	c := healthcheck.Check{
		Settings: healthcheck.Settings{
			Kind:    kind,
			Timeout: get[time.Duration](n, "timeout"),
			Network: healthcheck.Network{
				Source: get[netip.Addr](n, "source"), Interface: get[string](n, "interface"),
				Mark: uint32(get[int64](n, "fwmark")), Port: uint16(get[int64](n, "source_port")),
			},
			TLS: tlsOf(n, kind),
		},
		Timing: healthcheck.Timing{
			Interval: get[time.Duration](n, "interval"),
			Rise:     int(get[int64](n, "rise")), Fall: int(get[int64](n, "fall")),
			Retry: get[time.Duration](n, "retry_interval"), DownInterval: get[time.Duration](n, "down_interval"),
			Warmup: get[time.Duration](n, "warmup"), Cheap: int(get[int64](n, "cheap")),
			Flaps: int(get[int64](n, "flaps")), FlapWindow: get[time.Duration](n, "flap_window"),
			Latency: b.latency(n), LogFailures: get[bool](n, "log_failures"), LogFile: get[string](n, "log_file"),
		},
		Port: uint16(get[int64](n, "port")), Address: get[netip.Addr](n, "address"),
	}
	i := slices.IndexFunc(checkKinds, func(k checkKind) bool { return k.kind == kind })
	if params := checkKinds[i].params; params != nil {
		c.Settings.Params = params(n)
	}
	if file := c.Timing.LogFile; file != "" && !filepath.IsAbs(file) {
		b.errorf("relative_path", n.at("log_file"), "write its whole path", "log_file %q is not absolute", file)
	}
	b.checkSettings(n, c)
	b.checkPairs(n)
	return c
}

// latency reads how the weight follows the latency.
func (b *builder) latency(n *node) healthcheck.LatencyWeight {
	if !n.has("latency_target") {
		for _, key := range []string{"latency_floor", "latency_step"} {
			if n.has(key) {
				b.errorf("bad_check", n.at(key), "", "%s needs a latency_target", key)
			}
		}
		return healthcheck.LatencyWeight{}
	}
	return healthcheck.LatencyWeight{
		Target: get[time.Duration](n, "latency_target"), Floor: int(get[int64](n, "latency_floor")), Step: int(get[int64](n, "latency_step")),
	}
}

// boundTo returns checks in which the words of scripts name the service.
func boundTo(s *Service, checks []healthcheck.Check) []healthcheck.Check {
	names := strings.NewReplacer("{service}", s.Name, "{service_address}", s.Key.Address.Addr().String(),
		"{service_port}", strconv.Itoa(int(s.Key.Address.Port())))
	out := slices.Clone(checks)
	for i := range out {
		p, ok := out[i].Settings.Params.(healthcheck.Script)
		if !ok {
			continue
		}
		words := p.Command.All()
		for w := range words {
			words[w] = names.Replace(words[w])
		}
		p.Command = healthcheck.ListOf(words...)
		out[i].Settings.Params = p
	}
	return out
}

// tlsOf reads the TLS attributes that the kind has.
func tlsOf(n *node, kind healthcheck.Kind) healthcheck.TLS {
	t := healthcheck.TLS{
		Mode: kind.TLSModes()[0], ServerName: get[string](n, "sni"), Verify: get[bool](n, "verify"), MinDays: int(get[int64](n, "min_days")),
		Certificate: get[string](n, "certificate"), Key: get[string](n, "certificate_key"),
	}
	switch word := get[string](n, "tls"); word {
	case "":
	case "off":
		t.Mode = healthcheck.TLSOff
	default:
		t.Mode = healthcheck.TLSMode(word)
	}
	return t
}

// exclusive are attributes of checks that say the same thing in two ways.
var exclusive = [][2]string{{"path", "paths"}, {"send", "send_hex"}}

func (b *builder) checkPairs(n *node) {
	for _, pair := range exclusive {
		if n.has(pair[0]) && n.has(pair[1]) {
			b.errorf("bad_check", n.at(pair[1]), "", "%s and %s are two ways to say the same", pair[0], pair[1])
		}
	}
}

// fields are the attributes that have another name than the field.
var fields = map[string]string{"mark": "fwmark"}

// checkSettings reports what package healthcheck finds, at the attribute.
func (b *builder) checkSettings(n *node, c healthcheck.Check) {
	for _, p := range c.Validate() {
		field := p.Field
		switch {
		case fields[field] != "":
			field = fields[field]
		case field == "path" && n.has("paths"):
			field = "paths"
		case field == "path" && n.has("url"):
			field = "url"
		}
		if !n.bad(field) && !n.lacks(field) {
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
