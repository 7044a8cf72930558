package conf

import "time"

// secretAttrs are where a key comes from.
var secretAttrs = []*attr{
	{name: "secret", kind: kindString,
		help: "The key: a text, or `hex:` and digits. `env(\"NAME\")` takes it from the environment."},
	{name: "file", kind: kindString,
		help: "A file that holds the key in the same form instead. A line end after it does not count."},
}

// authBlock says how adverts prove where they come from.
var authBlock = &block{
	name: "auth", once: true,
	labels: []label{{"kind", "`password`, `ah` or `hmac`"}},
	help:   "How adverts prove where they come from; all directors must agree. Keys appear in no log, status or plan.",
	byLabel: []*variant{
		{label: "password", help: "Eight octets in clear text (RFC 2338), version 2 only: guards against mistakes, not against attackers.", attrs: secretAttrs},
		{label: "ah", help: "IP authentication header with HMAC-MD5 as keepalived makes it, version 2 only. The key has at most 8 characters.", attrs: secretAttrs},
		{label: "hmac", help: "HMAC-SHA256 behind the advert, as `auth_hmac` of keepalived 2.4; needs the block `key`.", attrs: []*attr{
			{name: "active_key", kind: kindInt, min: 1, max: 255, defNote: "the only one",
				help: "Number of the key that signs. Receivers know all keys, so that a new one can be brought out before it is used."},
			{name: "mode", kind: kindWord, def: `"enforce"`, words: []string{"enforce", "permissive", "receive-only"},
				help: "`enforce`: sign, and accept signed adverts only. `permissive`: sign, and accept adverts without a signature as well. `receive-only`: do not sign, and verify the signatures that are there. In this order backwards a group of directors goes over to signing without a gap."},
			{name: "anti_replay", kind: kindWord, def: `"time"`, words: []string{"time", "monotonic"},
				help: "`time`: the clocks of all directors must agree to `time_window`. `monotonic`: they need not, but an advert that was kept from a director can be replayed to it later."},
			{name: "time_window", kind: kindDuration, min: int64(time.Second), max: int64(300 * time.Second), defNote: "3 intervals, at least 5s",
				help: "How far clocks may be apart."},
		}},
	},
	blocks: []*block{{
		name: "key", labels: []label{{"number", "1 to 255, the same on all directors"}},
		help:  "A key of `hmac`, 32 to 64 octets.",
		attrs: secretAttrs,
	}},
}
