package keepalived

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// ofInstance makes a field of the open vrrp_instance.
func ofInstance[T any](f func(*instance) **T) field[T] {
	return func(r *reader) **T { return f(r.inst) }
}

func instanceBlock() *keyword {
	return block("vrrp_instance", func(r *reader, s *statement) {
		name, _ := r.value(s, 1)
		r.inst = &instance{name: name, at: s.where(0), words: map[string]place{}}
		r.instances = append(r.instances, r.inst)
	}, nil,
		instanceIdentity(), instanceAddresses(), instanceDelivery(), instanceElection(), instanceAuth(),
		instanceGARP(), notifyKeywords(func(r *reader) *notify { return &r.inst.notify }),
		many(
			does("notify_deleted", command(ofInstance(func(i *instance) **program { return &i.notify.deleted }))),
			does("notify_master_rx_lower_pri", command(ofInstance(func(i *instance) **program { return &i.notify.lower }))),
		),
		trackKeywords(func(r *reader) *[]track { return &r.inst.tracks }),
		pathBlocks(false, func(r *reader) *vrrp.Paths { return &r.inst.paths }),
		instanceWithout(),
	)
}

func instanceIdentity() []*keyword {
	return many(
		does("interface", func(r *reader, s *statement) {
			text(ofInstance(func(i *instance) **string { return &i.iface }))(r, s)
			r.needs(s.arg(1), s.where(1))
		}),
		does("virtual_router_id", func(r *reader, s *statement) {
			r.inst.vridAt = s.where(1)
			integer(1, 255, ofInstance(func(i *instance) **int { return &i.vrid }))(r, s)
		}),
		does("state", func(r *reader, s *statement) {
			word, ok := r.value(s, 1)
			if !ok {
				return
			}
			master := word == "MASTER"
			if !master && word != "BACKUP" {
				r.invalid(s, 1, "is neither MASTER nor BACKUP")
				return
			}
			r.inst.master = &master
		}).note("MASTER without a priority is the owner of the addresses (priority 255), with one it matters for the owner only; it takes nopreempt back"),
		does("version", integer(2, 3, ofInstance(func(i *instance) **int { return &i.version }))),
		does("priority", integer(1, 255, ofInstance(func(i *instance) **int { return &i.priority }))),
		does("advert_int", func(r *reader, s *statement) {
			r.inst.intervalAt = s.where(1)
			seconds(ofInstance(func(i *instance) **time.Duration { return &i.interval }))(r, s)
		}),
	)
}

func instanceAddresses() []*keyword {
	words := addressKeywords(false)
	return many(
		free("virtual_ipaddress", func(r *reader, s *statement) { r.inst.vips = append(r.inst.vips, r.addresses(s, false)...) }, words),
		free("virtual_ipaddress_excluded", func(r *reader, s *statement) { r.inst.excluded = append(r.inst.excluded, r.addresses(s, false)...) }, words),
		does("no_virtual_ipaddress", toggle(ofInstance(func(i *instance) **bool { return &i.noVIP }))),
	)
}

func instanceDelivery() []*keyword {
	return concat(many(
		does("mcast_src_ip", address(ofInstance(func(i *instance) **netip.Addr { return &i.multicastFrom }))),
		does("unicast_src_ip", address(ofInstance(func(i *instance) **netip.Addr { return &i.unicastFrom }))),
		does("mcast_dst_ip", address(ofInstance(func(i *instance) **netip.Addr { return &i.group }))),
		free("unicast_peer", readPeers, many(
			does("<ADDR>", nil), does("min_ttl", nil).note("with check_unicast_src"), does("max_ttl", nil).note("with check_unicast_src"),
		)),
		does("unicast_ttl", integer(1, 255, ofInstance(func(i *instance) **int { return &i.ttl }))),
		does("check_unicast_src", toggle(ofInstance(func(i *instance) **bool { return &i.checkSource }))),
		does("v3_checksum_as_v2", toggle(ofInstance(func(i *instance) **bool { return &i.plainChecksum }))),
		does("unicast_fault_no_peer", on(ofInstance(func(i *instance) **bool { return &i.needPeers }))),
	),
		without("both forms of the checksum are accepted", "old_unicast_checksum"),
		without("the family follows from the addresses", "native_ipv6"),
	)
}

// readPeers reads "ADDR [min_ttl N] [max_ttl N]" lines.
func readPeers(r *reader, s *statement) {
	r.inst.hasPeers = true
	for _, k := range s.kids {
		a, err := netip.ParseAddr(k.name())
		if err != nil {
			r.warnf(k.where(0), "bad_value", "", "%q is not an address of a peer; it is ignored", k.name())
			continue
		}
		p := vrrp.Peer{Address: a.Unmap()}
		for i := 1; i < len(k.words); i += 2 {
			n, ok := r.number(k, i+1, 0, 255)
			switch {
			case !ok:
			case k.arg(i) == "min_ttl":
				p.MinTTL = uint8(n)
			case k.arg(i) == "max_ttl":
				p.MaxTTL = uint8(n % 255) // 255 is no bound
			default:
				r.invalid(k, i, "is neither min_ttl nor max_ttl")
			}
		}
		if p.MinTTL > 0 || p.MaxTTL > 0 {
			yes := true
			r.inst.checkSource = &yes
		}
		r.inst.peers = append(r.inst.peers, p)
	}
}

func instanceElection() []*keyword {
	return many(
		does("preempt", on(ofInstance(func(i *instance) **bool { return &i.preempt }))),
		does("nopreempt", toggleOff(ofInstance(func(i *instance) **bool { return &i.preempt }))),
		does("preempt_delay", between(0, 1000*time.Second, ofInstance(func(i *instance) **time.Duration { return &i.preemptDelay }))),
		does("accept", on(ofInstance(func(i *instance) **bool { return &i.accept }))),
		does("no_accept", toggleOff(ofInstance(func(i *instance) **bool { return &i.accept }))),
		does("lower_prio_no_advert", toggle(ofInstance(func(i *instance) **bool { return &i.rules.noLower }))),
		does("higher_prio_send_advert", toggle(ofInstance(func(i *instance) **bool { return &i.rules.sendHigher }))),
		does("owner_ignore_adverts", toggle(ofInstance(func(i *instance) **bool { return &i.rules.deafOwner }))),
		does("skip_check_adv_addr", toggle(ofInstance(func(i *instance) **bool { return &i.rules.skipCheck }))),
		does("dont_track_primary", on(ofInstance(func(i *instance) **bool { return &i.ignoreCarrier }))),
		does("strict_mode", toggle(ofInstance(func(i *instance) **bool { return &i.strict }))).note("as vrrp_strict"),
		does("down_timer_adverts", integer(1, 100, ofInstance(func(i *instance) **int { return &i.downAdverts }))),
	)
}

func instanceAuth() []*keyword {
	return many(
		block("authentication", func(r *reader, s *statement) { r.inst.authAt = s.where(0) }, nil, many(
			does("auth_type", text(ofInstance(func(i *instance) **string { return &i.authType }))),
			does("auth_pass", text(ofInstance(func(i *instance) **string { return &i.authPass }))),
		)),
		block("auth_hmac", func(r *reader, s *statement) { r.inst.hmac = &hmacSettings{at: s.where(0)} }, nil, many(
			does("key", readHMACKey),
			does("active_key", integer(1, 255, func(r *reader) **int { return &r.inst.hmac.active })),
			does("time_window", seconds(func(r *reader) **time.Duration { return &r.inst.hmac.window })),
			does("anti_replay", text(func(r *reader) **string { return &r.inst.hmac.replay })),
			does("mode", text(func(r *reader) **string { return &r.inst.hmac.mode })),
		)),
	)
}

func instanceGARP() []*keyword {
	g := func(pick func(*garp) **time.Duration) func(*reader, *statement) {
		return seconds(ofInstance(func(i *instance) **time.Duration { return pick(&i.garp) }))
	}
	n := func(pick func(*garp) **int) func(*reader, *statement) {
		return integer(0, 1000, ofInstance(func(i *instance) **int { return pick(&i.garp) }))
	}
	extra := readExtra(0, func(r *reader) *garp { return &r.inst.garp })
	return concat(garpKeywords("", g, n), many(does("garp_extra_if", extra), does("vmac_garp_intvl", renamed("garp_extra_if", extra)).note("old name of garp_extra_if")))
}

// readExtra reads "[all] SECONDS".
func readExtra(least int, of func(*reader) *garp) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		i := 1
		if s.arg(1) == "all" {
			i = 2
		}
		if _, ok := r.value(s, i); !ok {
			return
		}
		if n, ok := r.number(s, i, least, 86400); ok {
			every := time.Duration(n) * time.Second
			of(r).extra, of(r).extraAll = &every, i == 2
		}
	}
}

// notifyKeywords are those of instances and groups.
func notifyKeywords(of func(*reader) *notify) []*keyword {
	to := func(pick func(*notify) **program) func(*reader, *statement) {
		return command(func(r *reader) **program { return pick(of(r)) })
	}
	return many(
		does("notify_master", to(func(n *notify) **program { return &n.master })),
		does("notify_backup", to(func(n *notify) **program { return &n.backup })),
		does("notify_fault", to(func(n *notify) **program { return &n.fault })),
		does("notify_stop", to(func(n *notify) **program { return &n.stop })),
		does("notify", to(func(n *notify) **program { return &n.any })),
		does("smtp_alert", toggle(func(r *reader) **bool { return &of(r).smtpAlert })),
		does("notify_priority_changes", toggle(func(r *reader) **bool { return &of(r).priority })),
	)
}

// sleepers is what becomes of a master whose timer is late.
const sleepers = "always so: a master that was stopped for longer than its own master-down interval listens as a backup first"

func instanceWithout() []*keyword {
	return concat(
		many(
			does("use_vmac", readVMAC),
			does("vmac_xmit_base", toggle(ofInstance(func(i *instance) **bool { return &i.vmacBase }))),
		),
		refused(notYet, "use_vmac_addr", "use_ipvlan", "vrf", "track_src_ip"),
		many(
			does("timer_expired_backup", nil).note(sleepers),
			does("thread_timer_expired", nil).note("old name of timer_expired_backup; "+sleepers),
		),
		many(does("promote_secondaries", nil).note("always so: without it, an address that ends would take others with it")),
		without("links are watched through netlink, at once", "linkbeat_use_polling"),
		debugKeyword(),
		many(does("lvs_sync_daemon_interface", text(ofInstance(func(i *instance) **string { return &i.syncInterface }))).note("old form of lvs_sync_daemon")),
		many(does("kernel_rx_buf_size", once(integer(1, math.MaxInt32, ofInstance(func(i *instance) **int { return &i.receiveBuffer }))))),
		without(obsolete, "sync_instance"),
	)
}

// debugKeyword has no effect, but values that it may have.
func debugKeyword() []*keyword {
	list := without("keepalived has never implemented it", "debug")
	list[0].apply = func(r *reader, s *statement) {
		if _, ok := r.value(s, 1); ok {
			r.number(s, 1, 0, 4)
		}
	}
	return list
}

// readVMAC reads "[[name] IFNAME] [MAC] [netlink_notify_msg] [group ID]".
func readVMAC(r *reader, s *statement) {
	v := &vrrp.VMAC{}
	for i := 1; i < len(s.words); i++ {
		word := s.arg(i)
		switch {
		case word == "name", word == "netlink_notify_msg":
		case word == "group":
			i++
		case strings.Count(word, ":") == 5:
			r.errorf(s.where(i), "not_supported", "", "use_vmac with the address %s is not supported: it is that of RFC 9568 section 7.3", word)
		case v.Name != "":
			r.invalid(s, i, "is a second name")
		case conf.BadInterface(word) != "":
			r.warnf(s.where(i), "bad_interface", "", "%q cannot be an interface name: %s; it is ignored, as keepalived does", word, conf.BadInterface(word))
		default:
			v.Name = word
		}
	}
	r.inst.vmac = v
}
