package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/vrrp"
)

var routeOrders = map[string]vrrp.RouteOrder{"only": vrrp.RouteOnly, "append": vrrp.RouteAppend, "prepend": vrrp.RoutePrepend}

var routePreferences = map[string]vrrp.RoutePreference{
	"low": vrrp.PreferenceLow, "medium": vrrp.PreferenceMedium, "high": vrrp.PreferenceHigh,
}

// lockBits are the values of a route that can be fixed, with their bits
// (linux/rtnetlink.h, RTAX_LOCK).
var lockBits = map[string]uint32{
	"mtu": 1 << 2, "window": 1 << 3, "rtt": 1 << 4, "rtt_variance": 1 << 5, "slow_start_threshold": 1 << 6, "congestion_window": 1 << 7,
	"mss": 1 << 8, "reordering": 1 << 9, "hop_limit": 1 << 10, "min_rto": 1 << 13, "congestion": 1 << 16,
}

func lockNames() string {
	return "`" + strings.Join(wordsOf(lockBits, ^uint32(0)), "`, `") + "`"
}

// onlyIPv6 reports keys of a route that IPv4 does not have.
func (b *builder) onlyIPv6(k *node, p netip.Prefix, names ...string) {
	for _, name := range names {
		if k.has(name) && p.Addr().Is4() {
			b.errorf("no_effect", k.at(name), "", "%s: only IPv6 has %s", k, name)
		}
	}
}

func (b *builder) tuning(k *node) vrrp.RouteTuning {
	number := func(name string) uint32 { return uint32(get[int64](k, name)) }
	t := vrrp.RouteTuning{
		HopLimit: number("hop_limit"), MSS: number("mss"), Window: number("window"), Reordering: number("reordering"),
		CongestionWindow: number("congestion_window"), SlowStartThreshold: number("slow_start_threshold"),
		InitialWindow: number("initial_window"), InitialReceive: number("initial_receive"),
		ECN: get[bool](k, "ecn"), QuickACK: get[bool](k, "quick_ack"), NoFastOpenCookie: get[bool](k, "fast_open_without_cookie"),
		Congestion: get[string](k, "congestion"),
	}
	for name, d := range map[string]struct {
		to   *time.Duration
		step time.Duration
	}{
		"rtt": {&t.RTT, time.Millisecond / 8}, "rtt_variance": {&t.RTTVar, time.Millisecond / 4}, "min_rto": {&t.MinRTO, time.Millisecond},
	} {
		*d.to = get[time.Duration](k, name)
		if *d.to%d.step != 0 {
			b.errorf("bad_duration", k.at(name), "", "%s has steps of %s", name, d.step)
		}
	}
	for _, w := range get[[]located[string]](k, "lock") {
		bit, known := lockBits[w.v]
		if !known {
			b.errorf("unknown_value", w.rng, didYouMean(w.v, wordsOf(lockBits, ^uint32(0))), "%q cannot be locked", w.v)
		}
		t.Locked |= bit
	}
	return t
}

// matches sets which packets a rule is for and what it leaves out.
func (b *builder) matches(k *node, r *vrrp.Rule) {
	r.Goto, r.TOS, r.TunnelID = uint32(get[int64](k, "goto")), uint8(get[int64](k, "tos")), uint64(get[int64](k, "tunnel_id"))
	r.Realm, r.Protocol, r.IPProtocol = uint32(get[int64](k, "realm")), uint8(get[int64](k, "protocol")), uint8(get[int64](k, "ip_protocol"))
	r.L3Master, r.MinPrefix, r.NotGroup = get[bool](k, "l3_master"), uint8(get[int64](k, "min_prefix")), uint32(get[int64](k, "not_group"))
	for name, to := range map[string]*vrrp.PortRange{"source_ports": &r.SourcePorts, "destination_ports": &r.DestinationPorts} {
		if k.has(name) && !k.bad(name) {
			low, high := b.numbers(k.at(name), get[string](k, name), 16)
			*to = vrrp.PortRange{First: uint16(low), Last: uint16(high)}
		}
	}
	if k.has("users") && !k.bad("users") {
		low, high := b.numbers(k.at("users"), get[string](k, "users"), 32)
		r.Users = vrrp.UserRange{Set: true, First: uint32(low), Last: uint32(high)}
	}
	if (r.Action == vrrp.RuleGoto) != (r.Goto > 0) && !k.bad("goto", "action") {
		b.errorf("missing_key", k.def, "", `%s: action = "goto" and goto belong together`, k)
	}
	if r.Goto > 0 && r.Goto <= r.Priority {
		b.errorf("bad_goto", k.at("goto"), "", "goto %d does not lead to a later rule than %d", r.Goto, r.Priority)
	}
}

// numbers reads "N" or "N-M".
func (b *builder) numbers(rng hcl.Range, text string, bits int) (low, high uint64) {
	low, high, err := ParseRange(text, bits)
	if err != nil {
		b.errorf("bad_range", rng, `for example "1024-2047"`, "%v", err)
	}
	return low, high
}

// ParseRange reads "N" or "N-M", both ends included, of numbers with so many
// bits.
func ParseRange(text string, bits int) (low, high uint64, err error) {
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	low, err = strconv.ParseUint(from, 10, bits)
	if err == nil {
		high, err = strconv.ParseUint(to, 10, bits)
	}
	if err != nil || high < low {
		return 0, 0, fmt.Errorf("%q is not a range of numbers", text)
	}
	return low, high, nil
}
