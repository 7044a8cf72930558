package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the known name that s was probably meant to be, or "".
func nearest(s string, known []string) string {
	best, bestDistance := "", 1+len(s)/3 // a third of the letters may be wrong
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(s), strings.ToLower(k), nil); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// didYouMean is the hint for an unknown word: the nearest known one, else all
// of them if they are few.
func didYouMean(s string, known []string) string {
	if n := nearest(s, known); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return oneOf(known)
}

// oneOf lists the known words, if they are few enough to be of help.
func oneOf(known []string) string {
	if len(known) == 0 || len(known) > 16 {
		return ""
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return "known: " + strings.Join(quoted, ", ")
}

// elsewhere says which blocks know a key that is unknown where it stands.
func elsewhere(key string) string {
	var places []string
	var walk func(b *block)
	walk = func(b *block) {
		names := b.keys(nil)
		for _, v := range b.byLabel {
			for _, a := range v.attrs {
				names = append(names, a.name)
			}
		}
		if b.name != "" && slices.Contains(names, key) && !slices.Contains(places, b.name) {
			places = append(places, b.name)
		}
		for _, c := range b.blocks {
			walk(c)
		}
	}
	walk(rootBlock)
	if len(places) == 0 {
		return ""
	}
	return fmt.Sprintf("%q belongs in %s", key, strings.Join(places, " or "))
}

// otherWords maps keys of keepalived, ldirectord and ipvsadm to what they are
// called here.
var otherWords = map[string]string{
	"virtual_router_id":   `vrid`,
	"advert_int":          `advert_interval = "1s"`,
	"virtual_ipaddress":   `virtual_address = ["192.0.2.10/24"]`,
	"virtual_addresses":   `virtual_address = ["192.0.2.10/24"]`,
	"vip":                 `virtual_address = ["192.0.2.10/24"]`,
	"nopreempt":           `preempt = false`,
	"state":               `nothing: the priority decides`,
	"garp_master_repeat":  `garp { repeat = 5 }`,
	"garp_master_delay":   `garp { delay = "5s" }`,
	"lb_algo":             `scheduler`,
	"lvs_sched":           `scheduler`,
	"lb_kind":             `forward`,
	"lvs_method":          `forward`,
	"persistence_timeout": `persistence { timeout = "5m" }`,
	"persistent":          `persistence { timeout = "5m" }`,
	"sorry_server":        `fallback`,
	"inhibit_on_failure":  `quiescent = true`,
	"ops":                 `one_packet = true`,
	"delay_loop":          `interval, in a check`,
	"checkinterval":       `interval, in a check`,
	"checktimeout":        `timeout, in a check`,
	"connect_timeout":     `timeout, in a check`,
	"checkcount":          `fall, in a check`,
	"failurecount":        `fall, in a check`,
	"retry":               `fall, in a check`,
	"request":             `path, in a check`,
	"receive":             `expect, in a check`,
	"virtualhost":         `virtual_host, in a check`,
	"HTTP_GET":            `check "http"`,
	"SSL_GET":             `check "https"`,
	"TCP_CHECK":           `check "tcp"`,
	"PING_CHECK":          `check "ping"`,
	"global_defs":         `global`,
	"lvs_flush_on_stop":   `keep_table_on_stop = false`,
	"vrrp_version":        `version, in a vrrp_instance`,
	"expect_regex":        `expect`,
	"hostname":            `virtual_host`,
	"weight_on_failure":   `quiescent`,
	"real":                `real_server`,
	"virtual":             `virtual_server`,
	"instance":            `vrrp_instance`,
}
