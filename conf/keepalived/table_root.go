package keepalived

import (
	"math"
	"net/mail"
	"net/netip"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// Reasons that several keywords share.
const (
	noSNMP      = "vipd has no SNMP agent; its metrics are at /v1/metrics"
	noDBus      = "vipd has no D-Bus service; its control socket has the same and more"
	noBFD       = "vipd does not speak BFD"
	noFilter    = "the only packet filters that vipd sets are those of no_accept and of silent backups with use_vmac, in tables of their own"
	processCare = "vipd's router role is a process of its own with a real-time priority, locked in memory"
	ownNames    = "vipd's processes have names of their own"
	notYet      = "it is not implemented"
	obsolete    = "keepalived ignores it, too"
)

// root are the keywords outside of every block. It is filled in by init, as
// the search for a misplaced keyword goes through it.
var root []*keyword

func init() {
	root = concat(
		many(
			block("global_defs", nil, nil, globalKeywords()...),
			instanceBlock().called(), groupBlock().called(), scriptBlock().called(),
			trackFileBlock("track_file").called(), trackFileBlock("vrrp_track_file").called().note("old name of track_file"),
			processBlock().called(), serverGroupBlock(), serviceBlock(),
		),
		many(free("static_ipaddress", func(r *reader, s *statement) { r.statics = append(r.statics, r.addresses(s, true)...) }, addressKeywords(true))),
		pathBlocks(true, func(r *reader) *vrrp.Paths { return &r.paths }),
		withWords(without("static addresses, routes and rules are there always", "track_group"), "group"),
		without("links are watched through netlink, at once", "linkbeat_use_polling", "linkbeat_interfaces"),
		many(garpGroupBlock()),
		many(free("interface_up_down_delays", linkDelays).note("a delay that the other directors would not wait for is ignored")),
		withWords(refused(noBFD, "bfd_instance"), "source_ip", "neighbor_ip", "neighbour_ip", "min_rx", "min_tx", "idle_tx", "multiplier",
			"passive", "ttl", "hoplimit", "max_hops", "multihop", "weight", "vrrp", "checker"),
		many(block("SSL", nil, nil, many(
			does("certificate", text(func(r *reader) **string { return &r.certificate })),
			does("key", text(func(r *reader) **string { return &r.certificateKey })),
		),
			refused("take the password off the key: openssl pkey -in KEY -out KEY", "password"),
			without("the certificates of real servers are not verified, as in keepalived", "ca"),
		)),
		placeKeywords(),
		without("it is for kernels before 3.13", "namespace_with_ipsets"),
		many(does("child_wait_time", whole(seconds(global(func(g *globals) **time.Duration { return &g.childWait }))))),
		without(obsolete, "real_server_group"),
	)
}

// withWords adds the words of a block that is not read: they share its fate.
func withWords(k []*keyword, names ...string) []*keyword {
	k[0].free = all(k[0].status, k[0].why, names)
	return k
}

func concat(lists ...[]*keyword) []*keyword {
	var out []*keyword
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// at makes a field of the global settings.
func global[T any](f func(*globals) **T) field[T] {
	return func(r *reader) **T { return f(&r.global) }
}

func globalKeywords() [][]*keyword {
	return [][]*keyword{globalProcesses(), globalIdentity(), globalVRRP(), globalGARP(), globalIPVS(), globalWithout()}
}

// mailAddress reads a mail address. A name alone is a user of the mail server.
func (r *reader) mailAddress(s *statement, i int) (string, bool) {
	word := s.arg(i)
	full := word
	if !strings.Contains(word, "@") {
		full += "@localhost"
	}
	if _, err := mail.ParseAddress(full); err != nil {
		r.warnf(s.where(i), "bad_mail", "for example ops@example.com", "%q is not a mail address; it is ignored", word)
		return "", false
	}
	return full, true
}

func globalIdentity() []*keyword {
	return many(
		does("router_id", text(global(func(g *globals) **string { return &g.routerID }))).note("in the subject of mail"),
		does("lvs_id", renamed("router_id", text(global(func(g *globals) **string { return &g.routerID })))).note("old name of router_id"),
		free("notification_email", func(r *reader, s *statement) {
			for _, k := range s.kids {
				if to, ok := r.mailAddress(k, 0); ok {
					r.global.mailTo = append(r.global.mailTo, to)
				}
			}
			if s.block && len(s.kids) == 0 {
				r.warnf(s.where(0), "empty_block", "", "notification_email is empty")
			}
		}),
		does("notification_email_from", func(r *reader, s *statement) {
			if from, ok := r.mailAddress(s, 1); ok {
				r.global.mailFrom = &from
			}
		}),
		does("smtp_server", readMailServer),
		does("smtp_helo_name", text(global(func(g *globals) **string { return &g.mailHelo }))),
		does("smtp_alert", toggle(global(func(g *globals) **bool { return &g.smtpAlert }))),
		does("smtp_alert_vrrp", toggle(global(func(g *globals) **bool { return &g.smtpAlertVRRP }))),
		does("smtp_alert_checker", toggle(global(func(g *globals) **bool { return &g.smtpAlertChecker }))),
		does("script_user", account(global(func(g *globals) **string { return &g.scriptUser }))),
		does("enable_script_security", on(global(func(g *globals) **bool { return &g.scriptSecurity }))),
		does("default_interface", text(global(func(g *globals) **string { return &g.defaultInterface }))),
		does("smtp_connect_timeout", whole(atLeast(time.Second, global(func(g *globals) **time.Duration { return &g.mailTimeout })))).note("bounds the whole of sending a mail"),
		does("startup_script", command(global(func(g *globals) **program { return &g.startup }))),
		does("shutdown_script", command(global(func(g *globals) **program { return &g.shutdown }))),
		does("startup_script_timeout", whole(between(time.Second, maxHookTimeout, global(func(g *globals) **time.Duration { return &g.startupTimeout })))),
		does("shutdown_script_timeout", whole(between(time.Second, maxHookTimeout, global(func(g *globals) **time.Duration { return &g.shutdownTimeout })))),
		does("vrrp_notify_priority_changes", toggle(global(func(g *globals) **bool { return &g.notifyPriority }))),
		does("fifo_write_vrrp_states_on_reload", on(global(func(g *globals) **bool { return &g.statesOnReload }))),
		does("state_dump_file", text(global(func(g *globals) **string { return &g.dataFile }))),
		does("stats_dump_file", text(global(func(g *globals) **string { return &g.statsFile }))),
		does("json_dump_file", text(global(func(g *globals) **string { return &g.jsonFile }))),
		does("json_version", integer(1, 2, global(func(g *globals) **int { return &g.jsonVersion }))),
		pipe("notify_fifo", conf.PipeAll), pipeReader("notify_fifo_script", conf.PipeAll),
		pipe("vrrp_notify_fifo", conf.PipeInstances), pipeReader("vrrp_notify_fifo_script", conf.PipeInstances),
		pipe("lvs_notify_fifo", conf.PipeServices), pipeReader("lvs_notify_fifo_script", conf.PipeServices),
	)
}

// pipe is the keyword of a pipe for some kind of change.
func pipe(name string, kind conf.PipeKind) *keyword {
	return does(name, func(r *reader, s *statement) {
		if path, ok := r.value(s, 1); ok {
			r.pipe(kind).Path = path
		}
	})
}

func pipeReader(name string, kind conf.PipeKind) *keyword {
	var p *program
	read := command(func(*reader) **program { return &p })
	return does(name, func(r *reader, s *statement) {
		p = nil
		read(r, s)
		if p != nil {
			r.pipe(kind)
			r.global.pipeReaders[kind] = p
		}
	})
}

// pipe returns the pipe of a kind, a new one when there is none.
func (r *reader) pipe(kind conf.PipeKind) *conf.Pipe {
	for i := range r.global.pipes {
		if r.global.pipes[i].Only == kind {
			return &r.global.pipes[i]
		}
	}
	r.global.pipes = append(r.global.pipes, conf.Pipe{Only: kind})
	return &r.global.pipes[len(r.global.pipes)-1]
}

// readMailServer reads an address or name with a port.
func readMailServer(r *reader, s *statement) {
	host, ok := r.value(s, 1)
	if !ok {
		return
	}
	switch a, err := netip.ParseAddr(host); {
	case err == nil && a.Is6():
		host = "[" + host + "]"
	case err != nil && r.opts.MailHost != nil:
		if why := r.opts.MailHost(host); why != nil {
			r.warnf(s.where(1), "unknown_host", "", "the address of the mail server is not known: %v; no mail can be sent until it is", why)
		}
	}
	port := "25"
	if len(s.words) > 2 {
		port = s.arg(2)
	}
	host += ":" + port
	r.global.mailServer = &host
}

func globalVRRP() []*keyword {
	return many(
		does("vrrp_version", integer(2, 3, global(func(g *globals) **int { return &g.version }))),
		does("vrrp_mcast_group4", multicast(global(func(g *globals) **netip.Addr { return &g.group4 }))),
		does("vrrp_mcast_group6", multicast(global(func(g *globals) **netip.Addr { return &g.group6 }))),
		does("v3_checksum_as_v2", toggle(global(func(g *globals) **bool { return &g.plainChecksum }))),
		does("vrrp_check_unicast_src", on(global(func(g *globals) **bool { return &g.checkUnicastSource }))),
		does("vrrp_strict", on(global(func(g *globals) **bool { return &g.strict }))).
			note("packets to the addresses are dropped, as with no_accept, unless the instance owns them or version 3 says accept"),
		does("vrrp_down_timer_adverts", integer(1, 100, global(func(g *globals) **int { return &g.downAdverts }))),
		does("vrrp_rt_priority", integer(1, 99, global(func(g *globals) **int { return &g.realTime }))),
		does("vrrp_lower_prio_no_advert", toggle(global(func(g *globals) **bool { return &g.rules.noLower }))),
		does("vrrp_higher_prio_send_advert", toggle(global(func(g *globals) **bool { return &g.rules.sendHigher }))),
		does("vrrp_owner_ignore_adverts", toggle(global(func(g *globals) **bool { return &g.rules.deafOwner }))),
		does("vrrp_skip_check_adv_addr", on(global(func(g *globals) **bool { return &g.rules.skipCheck }))),
		does("vrrp_startup_delay", between(time.Millisecond, longest, global(func(g *globals) **time.Duration { return &g.startupDelay }))),
	)
}

func globalGARP() []*keyword {
	g := func(pick func(*garp) **time.Duration) func(*reader, *statement) {
		return seconds(global(func(g *globals) **time.Duration { return pick(&g.garp) }))
	}
	n := func(pick func(*garp) **int) func(*reader, *statement) {
		return integer(0, 1000, global(func(g *globals) **int { return pick(&g.garp) }))
	}
	pause := func(pick func(*garp) **time.Duration) func(*reader, *statement) {
		return between(time.Microsecond, longest, global(func(g *globals) **time.Duration { return pick(&g.garp) }))
	}
	extra := readExtra(1, func(r *reader) *garp { return &r.global.garp })
	return concat(garpKeywords("vrrp_", g, n), many(
		does("vrrp_garp_interval", pause(func(g *garp) **time.Duration { return &g.interval })),
		does("vrrp_gna_interval", pause(func(g *garp) **time.Duration { return &g.naInterval })),
		does("vrrp_garp_extra_if", extra),
		does("vrrp_vmac_garp_intvl", renamed("vrrp_garp_extra_if", extra)).note("old name of vrrp_garp_extra_if"),
		does("vrrp_min_garp", toggle(global(func(g *globals) **bool { return &g.garp.minimal }))),
	))
}

// garpKeywords are the settings of announcements, global ones with a prefix.
func garpKeywords(prefix string, g func(func(*garp) **time.Duration) func(*reader, *statement), n func(func(*garp) **int) func(*reader, *statement)) []*keyword {
	return many(
		does(prefix+"garp_master_delay", whole(g(func(g *garp) **time.Duration { return &g.delay }))),
		does(prefix+"garp_master_repeat", notZero(n(func(g *garp) **int { return &g.repeat }))),
		does(prefix+"garp_master_refresh", whole(g(func(g *garp) **time.Duration { return &g.refresh }))),
		does(prefix+"garp_master_refresh_repeat", notZero(n(func(g *garp) **int { return &g.refreshRepeat }))),
		does(prefix+"garp_lower_prio_delay", whole(g(func(g *garp) **time.Duration { return &g.lowerDelay }))),
		does(prefix+"garp_lower_prio_repeat", n(func(g *garp) **int { return &g.lowerRepeat })),
	)
}

func globalIPVS() []*keyword {
	return many(
		does("lvs_timeouts", readTimeouts),
		does("lvs_flush", on(global(func(g *globals) **bool { return &g.flush }))),
		does("lvs_flush_on_stop", readFlushOnStop).note("with VS only what is ours goes, which it always does"),
		does("lvs_flush_onstop", readFlushOnStop).note("old name of lvs_flush_on_stop"),
		does("lvs_sync_daemon", readSync),
	)
}

// readFlushOnStop reads "[VS]".
func readFlushOnStop(r *reader, s *statement) {
	all := s.arg(1) != "VS"
	if all && len(s.words) > 1 {
		r.invalid(s, 1, "is not VS")
		return
	}
	r.global.flushOnStop = &all
}

// readTimeouts reads "tcp S tcpfin S udp S".
func readTimeouts(r *reader, s *statement) {
	if len(s.words) == 1 {
		r.warnf(s.where(0), "missing_value", "tcp, tcpfin or udp, and seconds", "lvs_timeouts says nothing")
	}
	for i := 1; i < len(s.words); i += 2 {
		d, ok := r.seconds(s, i+1)
		if !ok {
			continue
		}
		switch s.arg(i) {
		case "tcp":
			r.global.timeouts.tcp = d
		case "tcpfin":
			r.global.timeouts.tcpFin = d
		case "udp":
			r.global.timeouts.udp = d
		default:
			r.invalid(s, i, "is none of tcp, tcpfin, udp")
		}
	}
}

// readSync reads "IF [[inst] INSTANCE] [id N] [maxlen N] [port N] [ttl N]
// [group ADDR]".
func readSync(r *reader, s *statement) {
	iface, ok := r.value(s, 1)
	if !ok {
		return
	}
	d := &syncDaemon{iface: iface, at: s.where(0)}
	numbers := map[string]struct {
		to   *int
		most int
	}{"id": {&d.id, 255}, "maxlen": {&d.maxLen, 65535 - 28}, "port": {&d.port, 65535}, "ttl": {&d.ttl, 255}}
	for i := 2; i < len(s.words); i++ {
		word := s.arg(i)
		number, is := numbers[word]
		switch {
		case is:
			i++
			if n, ok := r.number(s, i, 0, number.most); ok {
				*number.to = n
			}
		case word == "group":
			i++
			a, err := netip.ParseAddr(s.arg(i))
			if err != nil || !a.IsMulticast() {
				r.invalid(s, i, "is not a multicast address")
			}
			d.group = a
		case word == "inst":
			i++
			d.instance = s.arg(i)
		case d.instance == "":
			d.instance = word
		default:
			r.invalid(s, i, "is not understood")
		}
	}
	r.global.sync = d
}

func globalWithout() []*keyword {
	return concat(
		without(ownNames, "lvs_process_name", "bfd_process_name"),
		without("paths are used as they are written", "use_symlink_paths"),
		many(
			does("iproute_usr_dir", directory(func(n *iproute) **string { return &n.usr })),
			does("iproute_etc_dir", directory(func(n *iproute) **string { return &n.etc })),
			does("include_check", nil).note("a name without wildcards must always be there, and every file readable"),
		),
		without(processCare, "min_auto_priority_delay", "bfd_priority", "bfd_no_swap", "bfd_rt_priority",
			"bfd_cpu_affinity", "bfd_rlimit_rttime", "bfd_rlimit_rtime"),
		many(does("checker_log_all_failures", toggle(global(func(g *globals) **bool { return &g.logFailures })))),
		many(
			does("max_auto_priority", func(r *reader, s *statement) {
				if len(s.words) > 1 {
					r.number(s, 1, -1, 99)
				}
			}).note("always so: the router role has real-time priority from the start and not only once it was late"),
			does("dynamic_interfaces", func(r *reader, s *statement) {
				if len(s.words) > 1 && s.arg(1) != "allow_if_changes" {
					r.invalid(s, 1, "is not allow_if_changes")
				}
				r.lateLinks = true
			}).note("always so: an interface that is not there yet is waited for"),
			does("reload_check_config", nil).note("always so: a reload with a bad file changes nothing"),
			does("vrrp_iptables", nil).note("packets to addresses with no_accept are dropped, by nftables and in chains of vipd's own"),
			does("set_supplementary_groups", nil).note("always so: programs get all groups of their user"),
			does("vrrp_no_swap", nil).note("always so for the router role"),
		),
		many(does("no_email_faults", on(global(func(g *globals) **bool { return &g.noMailFaults })))),
		many(does("rs_init_notifies", toggle(global(func(g *globals) **bool { return &g.tellFirst })))),
		without("faults are never mailed twice", "no_checker_emails"),
		without("only interfaces with routers join the group", "disable_local_igmp"),
		without(noFilter, "vrrp_ipsets", "nftables_ifindex"),
		many(
			does("nftables", readFilter).note("the table of no_accept; that of silent backups with use_vmac is vipd_vmac"),
			does("nftables_priority", integer(-400, 400, global(func(g *globals) **int { return &g.filterPriority }))).
				note("without it the chain stands behind IPVS, so that virtual servers on addresses with no_accept are served"),
			does("nftables_counters", nil).note("always so, in the rules of no_accept"),
		),
		without("groups of addresses become services of the kernel, one for each", "nftables_ipvs", "nftables_ipvs_priority", "nftables_ipvs_start_fwmark"),
		without(noSNMP, "snmp_socket", "enable_traps", "enable_snmp_vrrp", "enable_snmp_keepalived", "enable_snmp_rfc", "enable_snmp_rfcv2",
			"enable_snmp_rfcv3", "enable_snmp_checker", "snmp_vs_stats_update_interval", "snmp_rs_stats_update_interval"),
		without(noDBus, "enable_dbus", "dbus_service_name", "dbus_no_interface_name"),
		bufferKeywords(),
		many(does("vrrp_delay_after_boot", seconds(global(func(g *globals) **time.Duration { return &g.bootDelay })))),
		many(does("log_unknown_vrids", nil).note("always so: a line for each sender, at most every ten seconds, with how many were not written")),
		many(does("vmac_prefix", text(global(func(g *globals) **string { return &g.vmacPrefix })))),
		without("addresses have no virtual MAC interfaces of their own", "vmac_addr_prefix"),
		many(does("random_seed", func(r *reader, s *statement) {
			if _, ok := r.value(s, 1); ok {
				r.number(s, 1, 0, math.MaxUint32)
			}
		}).note("what comes after it is the same every time, though not the same as in keepalived")),
		reloadKeywords(),
		many(does("data_use_instance", toggle(global(func(g *globals) **bool { return &g.namedDumps })))),
		without("the configuration is read once, by one process", "config_save_dir", "tmp_config_directory"),
		without(obsolete, "plugin_dir"),
	)
}
