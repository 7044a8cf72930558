package conf

import "strings"

// otherWords maps keys of keepalived, ldirectord and ipvsadm to what is written
// instead. The first word is our key.
var otherWords = map[string]string{
	"virtual_router_id":   `vrid`,
	"advert_int":          `advert_interval = "1s"`,
	"virtual_ipaddress":   `virtual_address = ["192.0.2.10/24"]`,
	"virtual_addresses":   `virtual_address = ["192.0.2.10/24"]`,
	"vip":                 `virtual_address = ["192.0.2.10/24"]`,
	"nopreempt":           `preempt = false`,
	"garp_master_repeat":  `garp { repeat = 5 }`,
	"garp_master_delay":   `garp { delay = "5s" }`,
	"vrrp_version":        `version, in vrrp_instance`,
	"instance":            `vrrp_instance`,
	"global_defs":         `global`,
	"lvs_flush_on_stop":   `keep_table_on_stop = false`,
	"virtual":             `virtual_server`,
	"service":             `virtual_server`,
	"real":                `real_server`,
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
}

// laterKinds are kinds of blocks that people look for and that do not exist
// yet.
var laterKinds = map[string]string{
	"check bfd": `vipd does not speak BFD yet; the state of a session will be a check of this name. Until then: check "ping" with a short interval`,
}

// superfluous are keys of keepalived that have no equal, and why none is
// needed.
var superfluous = map[string]string{
	"state":     "the priority decides who is master",
	"router_id": "a director is known by its name",
}

// translate returns a hint for a key of another program and our key that it
// stands for; both are empty when the key is not known.
func translate(key string) (hint, ours string) {
	if why, ok := superfluous[key]; ok {
		return "leave it out: " + why, ""
	}
	text, ok := otherWords[key]
	if !ok {
		return "", ""
	}
	ours, _, _ = strings.Cut(text, " ")
	return "here it is: " + text, strings.TrimSuffix(ours, ",")
}
