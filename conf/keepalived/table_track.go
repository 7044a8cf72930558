package keepalived

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// trackKeywords are the blocks that name what is tracked.
func trackKeywords(of func(*reader) *[]track) []*keyword {
	list := func(name string, kind vrrp.TrackKind) *keyword {
		return free(name, func(r *reader, s *statement) { *of(r) = append(*of(r), r.tracks(s, kind)...) })
	}
	return concat(many(
		list("track_interface", vrrp.TrackInterface), list("track_script", vrrp.TrackScript),
		list("track_file", vrrp.TrackFile), list("track_process", vrrp.TrackProcess),
	), refused(noBFD, "track_bfd"))
}

// tracks reads "NAME [weight W [reverse|noreverse]]" lines.
func (r *reader) tracks(s *statement, kind vrrp.TrackKind) []track {
	var out []track
	for _, k := range s.kids {
		t := track{kind: kind, name: k.name(), at: k.where(0)}
		for i := 1; i < len(k.words); i++ {
			yes := true
			switch word := k.arg(i); word {
			case "weight":
				i++
				if n, ok := r.number(k, i, -vrrp.MaxWeight-1, vrrp.MaxWeight+1); ok {
					t.weight = &n
				}
			case "reverse", "noreverse":
				yes = word == "reverse"
				t.reverse = &yes
			default:
				r.invalid(k, i, "is not understood")
			}
		}
		if kind == vrrp.TrackInterface {
			r.needs(t.name, t.at)
		}
		out = append(out, t)
	}
	return out
}

// weight reads "W [reverse]".
func weight(low, high int, to field[int], reverse func(*reader) *bool) func(*reader, *statement) {
	number := integer(low, high, to)
	return func(r *reader, s *statement) {
		number(r, s)
		if *reverse(r) = s.arg(2) == "reverse"; !*reverse(r) && len(s.words) > 2 && s.arg(2) != "noreverse" {
			r.invalid(s, 2, "is not reverse")
		}
	}
}

func groupBlock() *keyword {
	return block("vrrp_sync_group", func(r *reader, s *statement) {
		r.group = &syncGroup{name: s.arg(1), at: s.where(0)}
		if r.group.name == "" {
			r.warnf(s.where(0), "missing_value", "vrrp_sync_group NAME", "vrrp_sync_group needs a name; it is ignored, as keepalived does")
			return
		}
		r.groups = append(r.groups, r.group)
	}, nil,
		many(free("group", func(r *reader, s *statement) {
			for _, k := range s.kids {
				for i, w := range k.words {
					r.group.members = append(r.group.members, w)
					r.group.atOf = append(r.group.atOf, k.where(i))
				}
			}
		})),
		trackKeywords(func(r *reader) *[]track { return &r.group.tracks }),
		notifyKeywords(func(r *reader) *notify { return &r.group.notify }),
		without("weights of members count always", "global_tracking"),
		many(does("sync_group_tracking_weight", nil).note("always so: weights of members count")),
	)
}

func ofScript[T any](f func(*trackScript) **T) field[T] {
	return func(r *reader) **T { return f(r.script) }
}

func scriptBlock() *keyword {
	return block("vrrp_script", func(r *reader, s *statement) {
		name, _ := r.value(s, 1)
		r.script = &trackScript{name: name, at: s.where(0)}
		r.scripts = append(r.scripts, r.script)
	}, nil, many(
		does("script", command(ofScript(func(t *trackScript) **program { return &t.program }))),
		does("interval", whole(atLeast(time.Second, ofScript(func(t *trackScript) **time.Duration { return &t.interval })))),
		does("timeout", whole(atLeast(time.Second, ofScript(func(t *trackScript) **time.Duration { return &t.timeout })))),
		does("weight", weight(vrrp.MinWeight, vrrp.MaxWeight, ofScript(func(t *trackScript) **int { return &t.weight }),
			func(r *reader) *bool { return &r.script.reverse })),
		does("rise", integer(1, 1_000_000, ofScript(func(t *trackScript) **int { return &t.rise }))),
		does("fall", integer(1, 1_000_000, ofScript(func(t *trackScript) **int { return &t.fall }))),
		does("user", account(ofScript(func(t *trackScript) **string { return &t.user }))),
		does("init_fail", on(ofScript(func(t *trackScript) **bool { return &t.initFail }))),
	))
}

func trackFileBlock(name string) *keyword {
	number := integer(vrrp.MinWeight-1, vrrp.MaxWeight+1, func(r *reader) **int { return &r.file.weight })
	return block(name, func(r *reader, s *statement) {
		name, _ := r.value(s, 1)
		r.file = &trackFile{name: name, at: s.where(0)}
		r.files = append(r.files, r.file)
	}, nil, many(
		does("file", text(func(r *reader) **string { return &r.file.path })),
		does("weight", func(r *reader, s *statement) {
			number(r, s)
			r.file.reverse = s.arg(2) == "reverse"
		}),
		does("init_file", readInitFile),
	))
}

// readInitFile reads "[VALUE] [overwrite]".
func readInitFile(r *reader, s *statement) {
	zero := 0
	r.file.init = &zero
	for i := 1; i < len(s.words); i++ {
		if s.arg(i) == "overwrite" {
			r.file.overwrite = true
		} else if n, ok := r.number(s, i, -1<<31, 1<<31-1); ok {
			r.file.init = &n
		}
	}
}

func processBlock() *keyword {
	of := func(f func(*trackProcess) **time.Duration) func(*reader, *statement) {
		return seconds(func(r *reader) **time.Duration { return f(r.process) })
	}
	return block("vrrp_track_process", func(r *reader, s *statement) {
		name, _ := r.value(s, 1)
		r.process = &trackProcess{name: name, at: s.where(0)}
		r.processes = append(r.processes, r.process)
	}, nil, many(
		does("process", func(r *reader, s *statement) {
			if _, ok := r.value(s, 1); ok {
				r.process.command = s.args()
			}
		}),
		does("param_match", text(func(r *reader) **string { return &r.process.match })),
		does("weight", weight(vrrp.MinWeight-1, vrrp.MaxWeight+1, func(r *reader) **int { return &r.process.weight },
			func(r *reader) *bool { return &r.process.reverse })),
		does("quorum", integer(1, 65535, func(r *reader) **int { return &r.process.quorum })),
		does("quorum_max", integer(0, 65535, func(r *reader) **int { return &r.process.most })),
		does("full_command", toggle(func(r *reader) **bool { return &r.process.full })),
		does("delay", func(r *reader, s *statement) {
			of(func(p *trackProcess) **time.Duration { return &p.delay })(r, s)
			r.process.upDelay = r.process.delay
		}),
		does("terminate_delay", of(func(p *trackProcess) **time.Duration { return &p.delay })),
		does("fork_delay", of(func(p *trackProcess) **time.Duration { return &p.upDelay })),
	))
}

// weightOf returns the weight and direction that apply to a reference.
func weightOf(t track, own *int, reverse bool) (int, bool) {
	return or(t.weight, or(own, 0)), or(t.reverse, reverse)
}
