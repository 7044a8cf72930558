package conf

import (
	"math"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

var inlineCheckBlock = &block{
	name:   "check",
	labels: []label{{"kind", "`http`, `https`, `tcp` or `ping`"}},
	help: "A check of real servers, inside a `virtual_server` or `real_server`. A real server is up when all its checks say so. " +
		"Checks with the same target and settings are one probe, however many services use it.",
	attrs: timingAttrs, byLabel: checkVariants,
}

var namedCheckBlock = &block{
	name: "check",
	labels: []label{
		{"kind", "`http`, `https`, `tcp` or `ping`"},
		{"name", "what `checks = [\"NAME\"]` refers to"},
	},
	help:  "A check that several services share. It takes the same attributes as the check inside a service.",
	attrs: timingAttrs, byLabel: checkVariants,
}

// timingAttrs are common to all kinds of checks.
var timingAttrs = []*attr{
	{name: "interval", kind: kindDuration, def: `"5s"`, min: int64(healthcheck.MinInterval), max: int64(24 * time.Hour),
		help: "Time from probe to probe."},
	{name: "timeout", kind: kindDuration, def: `"3s"`, min: int64(healthcheck.MinInterval), max: int64(time.Hour),
		help: "Longest time of one probe, everything included."},
	{name: "rise", kind: kindInt, def: "1", min: 1, max: 1000, help: "Successes in a row until a server is up."},
	{name: "fall", kind: kindInt, def: "2", min: 1, max: 1000,
		help: "Failures in a row until a server is down: with the default one lost probe takes no server out."},
}

var portAttr = &attr{name: "port", kind: kindInt, min: 1, max: math.MaxUint16,
	defNote: "the real server's", help: "Port to probe."}

// httpAttrs are common to http and https.
var httpAttrs = []*attr{
	portAttr,
	{name: "path", kind: kindString, def: `"/"`, help: "Path and query to ask for."},
	{name: "method", kind: kindWord, def: `"GET"`, words: []string{"GET", "HEAD"}, help: "Request method."},
	{name: "virtual_host", kind: kindString, defNote: "the target's address", help: "Host to ask for."},
	{name: "status", kind: kindStatus, def: `"200-299"`,
		help: "Answers that are good: a number, a text such as `\"200-299,401\"`, or a list of both."},
	{name: "expect", kind: kindString, help: "Regular expression (RE2) that must be found in the body."},
}

var checkVariants = []*variant{
	{label: "http", help: "A request over HTTP/1.1.", attrs: httpAttrs},
	{label: "https", help: "A request over TLS.", attrs: append(httpAttrs[:len(httpAttrs):len(httpAttrs)],
		&attr{name: "sni", kind: kindString, defNote: "`virtual_host`", help: "Server name of the TLS handshake."},
		&attr{name: "verify", kind: kindBool, def: "false",
			help: "Verify the certificate: chain, dates and name."},
	)},
	{label: "tcp", help: "A connection that is accepted.", attrs: []*attr{portAttr}},
	{label: "ping", help: "An ICMP echo that is answered."},
}
