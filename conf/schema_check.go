package conf

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

var inlineCheckBlock = &block{
	name:   "check",
	labels: []label{{"kind", kindList()}},
	help: "A check of real servers, inside a `virtual_server` or `real_server`. A real server is up when all its checks say so, or as many as `require` says. " +
		"Checks with the same target and settings are one probe, however many services use it.",
	attrs: timingAttrs, byLabel: checkVariants(),
}

var namedCheckBlock = &block{
	name: "check",
	labels: []label{
		{"kind", kindList()},
		{"name", "what `checks = [\"NAME\"]` refers to"},
	},
	help:  "A check that several services share. It takes the same attributes as the check inside a service.",
	attrs: timingAttrs, byLabel: checkVariants(),
}

func kindList() string {
	var words []string
	for _, k := range checkKinds {
		words = append(words, "`"+string(k.kind)+"`")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// checkDefaultsBlock is what the checks of a service have in common.
var checkDefaultsBlock = &block{
	name:   "check_defaults",
	labels: []label{{"kind", "that of the checks"}},
	help: "What the `check` blocks of one kind of this service and of its real servers have where they do not say otherwise. Once for a kind; it takes the keys of " +
		"such a check, except for those that are required. Checks of the top level are complete without.",
	attrs: timingAttrs, byLabel: defaultsVariants(),
}

// defaultsVariants are the attributes of each kind that a check need not have.
func defaultsVariants() []*variant {
	var all []*variant
	for _, v := range checkVariants() {
		attrs := slices.DeleteFunc(slices.Clone(v.attrs), func(a *attr) bool { return a.required })
		all = append(all, &variant{label: v.label, attrs: attrs})
	}
	return all
}

// timingAttrs are common to all kinds of checks.
var timingAttrs = []*attr{
	{name: "interval", kind: kindDuration, def: `"5s"`, min: int64(healthcheck.MinInterval), max: int64(24 * time.Hour),
		help: "Time from probe to probe."},
	{name: "timeout", kind: kindDuration, def: `"3s"`, min: int64(healthcheck.MinInterval), max: int64(24 * time.Hour),
		help: "Longest time of one probe, everything included."},
	{name: "rise", kind: kindInt, def: "1", min: 1, max: 1000, help: "Successes in a row until a server is up."},
	{name: "fall", kind: kindInt, def: "2", min: 1, max: 1000,
		help: "Failures in a row until a server is down: with the default one lost probe takes no server out."},
	{name: "retry_interval", kind: kindDuration, defNote: "`interval`", min: int64(healthcheck.MinInterval), max: int64(24 * time.Hour),
		help: "Time to the next probe after a failure, until the server is down."},
	{name: "down_interval", kind: kindDuration, defNote: "`interval`", min: int64(healthcheck.MinInterval), max: int64(24 * time.Hour),
		help: "Time from probe to probe while the server is down."},
	{name: "warmup", kind: kindDuration, defNote: "`interval`, at most 1s; 1 ms for each where there are more than 1000", min: int64(time.Millisecond), max: int64(24 * time.Hour),
		help: "The first probes after a start are spread over this time."},
	{name: "cheap", kind: kindInt, min: 0, max: 1000, def: "0",
		help: "After a success, this many probes are a TCP connection only; then comes a whole one again, at once after a failure."},
	{name: "flaps", kind: kindInt, min: 0, max: 1000, def: "0",
		help: "A server that went down this often within `flap_window` comes up only after that time without a failure. 0: never."},
	{name: "flap_window", kind: kindDuration, min: int64(time.Second), max: int64(24 * time.Hour),
		help: "See `flaps`."},
	{name: "latency_target", kind: kindDuration, min: int64(time.Microsecond), max: int64(time.Hour),
		help: "Feed the weight with the latency: a server whose smoothed latency is twice this gets half of its weight. Weights such as 100 leave room for that; not for checks of this host and `agent`."},
	{name: "latency_floor", kind: kindInt, min: 1, max: 100, def: "20", help: "Percent of the weight that `latency_target` leaves however slow a server is."},
	{name: "latency_step", kind: kindInt, min: 1, max: 100, def: "10", help: "Percentage points that one result moves the weight at most. A change that is smaller is not made."},
	{name: "log_failures", kind: kindBool, def: "false", help: "Log every failure, not only that a server goes down."},
	{name: "log_file", kind: kindString, help: "File that gets a line for every result, as `monitorfile` of ldirectord: `[time] [pid] kind address port [up|down] what was found`."},
	{name: "address", kind: kindIP, defNote: "the real server's", help: "Address to probe."},
	{name: "depends_on", kind: kindString,
		help: "Name of a top-level check. While that is down this check says nothing, and the real server stays as it is."},
}

var portAttr = &attr{name: "port", kind: kindInt, min: 1, max: math.MaxUint16,
	defNote: "the real server's", help: "Port to probe."}

var sourcePortAttr = &attr{name: "source_port", kind: kindInt, min: 1, max: math.MaxUint16, defNote: "the kernel's choice",
	help: "Local port to send from. A connection that ended a moment ago can keep it busy."}

// networkAttrs are common to all kinds that send packets.
var networkAttrs = []*attr{
	{name: "source", kind: kindIP, defNote: "by the routing table", help: "Local address to send from."},
	{name: "interface", kind: kindInterface, help: "Interface to send and receive on."},
	{name: "fwmark", kind: kindInt, min: 1, max: math.MaxUint32, help: "Mark of the packets that are sent, for policy routing."},
}

// tlsAttrs are common to all kinds that can be encrypted.
var tlsAttrs = []*attr{
	{name: "sni", kind: kindString, defNote: "`virtual_host`, if there is one", help: "Server name of the TLS handshake."},
	{name: "verify", kind: kindBool, def: "false", help: "Verify the certificate: chain, dates and name."},
	{name: "min_days", kind: kindInt, min: 1, max: 3650, help: "Days that the certificate must still be valid."},
	{name: "certificate", kind: kindString,
		help: "File (PEM) with the certificate, and its chain, that is shown to a server that asks for one. Read when it asks: a renewed one needs no reload."},
	{name: "certificate_key", kind: kindString, help: "File (PEM) with the key of `certificate`, without a password."},
}

// checkVariants are the attributes of each kind, made of what it shares with
// others and what it has for itself.
func checkVariants() []*variant {
	var all []*variant
	for _, k := range checkKinds {
		v := &variant{label: string(k.kind), help: k.help, attrs: append([]*attr(nil), k.attrs...)}
		modes := k.kind.TLSModes()
		if len(modes) > 1 {
			v.attrs = append(v.attrs, tlsModeAttr(modes))
		}
		if len(modes) > 1 || modes[0] != healthcheck.TLSOff {
			v.attrs = append(v.attrs, tlsAttrs...)
		}
		if !k.kind.Local() {
			if k.kind != healthcheck.KindPing {
				v.attrs = append(v.attrs, portAttr, sourcePortAttr)
			}
			v.attrs = append(v.attrs, networkAttrs...)
		}
		all = append(all, v)
	}
	return all
}

func tlsModeAttr(modes []healthcheck.TLSMode) *attr {
	a := &attr{name: "tls", kind: kindWord, def: `"off"`, words: []string{"off"}, help: "Whether the connection is encrypted"}
	for _, m := range modes[1:] {
		a.words = append(a.words, string(m))
	}
	if len(modes) > 2 {
		a.help += fmt.Sprintf(": from the start (%q) or by the protocol's command (%q)", healthcheck.TLSOn, healthcheck.TLSStart)
	}
	a.help += "."
	return a
}
