package keepalived

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// buildTracking builds what is tracked besides interfaces.
func (r *reader) buildTracking(cfg *conf.Config) {
	t := &cfg.Tracking
	for i, s := range r.scripts {
		if slices.ContainsFunc(r.scripts[:i], func(o *trackScript) bool { return o.name == s.name }) {
			r.notef(s.at, "duplicate_name", "", "vrrp_script %s is defined twice; the first counts", s.name)
			continue
		}
		if one, ok := r.trackScript(s); ok {
			t.Scripts = append(t.Scripts, one)
		} else {
			s.gone = true
		}
	}
	for _, f := range r.files {
		if f.path == nil {
			r.warnf(f.at, "missing_value", "file PATH", "track_file %s has no file; it is ignored, as keepalived does", f.name)
			continue
		}
		t.Files = append(t.Files, conf.TrackFile{Name: f.name, Path: r.fullPath(f), Init: f.init, Overwrite: f.overwrite})
	}
	for _, p := range r.processes {
		if len(p.command) == 0 {
			r.warnf(p.at, "missing_value", "process NAME", "vrrp_track_process %s has no process; it is ignored, as keepalived does", p.name)
			continue
		}
		t.Processes = append(t.Processes, r.trackProcess(p))
	}
}

// trackProcess builds a vrrp_track_process. Its arguments are all that there may
// be unless param_match says otherwise; with param_match alone there may be
// none.
func (r *reader) trackProcess(p *trackProcess) conf.TrackProcess {
	one := conf.TrackProcess{
		Name: p.name, Program: p.command[0], Args: p.command[1:], Full: or(p.full, false), Match: conf.MatchBegin,
		Quorum: or(p.quorum, 1), Most: or(p.most, 0), Delay: or(p.delay, 0), UpDelay: or(p.upDelay, 0),
	}
	switch word := or(p.match, "exact"); {
	case len(one.Args) == 0 && p.match == nil:
	case len(one.Args) == 0 || word == "exact":
		one.Match = conf.MatchExact
	case word == "initial":
		one.Match = conf.MatchPrefix
	case word != "partial":
		r.warnf(p.at, "bad_value", "initial or partial", "param_match %q of %s is not understood", word, p.name)
	}
	switch {
	case p.most == nil:
	case *p.most == 0:
		one.Quorum, one.Most = 0, -1
	case one.Most < one.Quorum:
		r.warnf(p.at, "bad_value", "", "quorum_max %d of %s is below its quorum %d; it is ignored", one.Most, p.name, one.Quorum)
		one.Most = 0
	}
	return one
}

// trackScript builds a vrrp_script. One without a program is left out, as
// keepalived does.
func (r *reader) trackScript(s *trackScript) (conf.TrackScript, bool) {
	interval := or(s.interval, time.Second)
	t := conf.TrackScript{
		Name: s.name, Interval: interval, Timeout: or(s.timeout, interval), Rise: or(s.rise, 1), Fall: or(s.fall, 1),
		InitFail: or(s.initFail, false),
	}
	if s.program == nil {
		r.warnf(s.at, "missing_value", "script \"PROGRAM ARGUMENT…\"", "vrrp_script %s has no script; it is ignored", s.name)
		return t, false
	}
	s.program.user = cmp.Or(s.program.user, or(s.user, ""))
	t.User = cmp.Or(s.program.user, or(r.global.scriptUser, ""))
	t.Command = r.found(s.program, "vrrp_script "+s.name)
	return t, t.Command != nil
}

// fullPath is the path of a track_file; one that is relative is taken from where
// service managers start programs.
func (r *reader) fullPath(f *trackFile) string {
	if filepath.IsAbs(*f.path) {
		return *f.path
	}
	path := filepath.Join("/", *f.path)
	r.notef(f.at, "relative_path", "file "+path, "the file %s of track_file %s is taken for %s, wherever vipd is started", *f.path, f.name, path)
	return path
}

// found returns a command with the full path of its program. One that will not
// run is ignored, as keepalived does: what it is for must not fail by that. It is
// a note, as keepalived finds it out when it starts only.
func (r *reader) found(p *program, what string) []string {
	if p.user == "" && r.global.scriptUser == nil && or(r.global.scriptSecurity, false) {
		r.warnf(p.at, "no_script_user", "script_user in global_defs, or a user "+UsualScriptUser, "%s is ignored: nobody is named to run it, as enable_script_security demands", what)
		return nil
	}
	if user := cmp.Or(p.user, or(r.global.scriptUser, "")); user != "" && !r.opts.Account(user) {
		r.notef(p.at, CodeBadProgram, "", "%s is ignored: this machine has no user %s to run it", what, user)
		return nil
	}
	candidates := []string{p.command[0]}
	if !strings.Contains(p.command[0], "/") {
		candidates = candidates[:0]
		for _, dir := range SearchPath {
			candidates = append(candidates, filepath.Join(dir, p.command[0]))
		}
	}
	var why error
	for _, path := range candidates {
		if !filepath.IsAbs(path) {
			why = fmt.Errorf("program %s has no full path", path)
			continue
		}
		if why = r.opts.Program(path); why == nil {
			r.runs = true
			return append([]string{path}, p.command[1:]...)
		}
	}
	r.notef(p.at, CodeBadProgram, "", "%s is ignored: %v", what, why)
	return nil
}

// resolve builds the references of an instance or group to what is tracked.
func (r *reader) resolve(tracks []track, own string) []vrrp.Track {
	var out []vrrp.Track
	for _, t := range tracks {
		defined, gone := true, false
		var weight *int
		reverse := false
		switch t.kind {
		case vrrp.TrackInterface:
			if t.name == own {
				r.notef(t.at, "no_effect", "", "the instance's own interface %s is tracked anyway", t.name)
				continue
			}
			if why := conf.BadInterface(t.name); why != "" {
				r.warnf(t.at, "bad_interface", "", "%q cannot be an interface name: %s; it is not tracked", t.name, why)
				continue
			}
		case vrrp.TrackScript:
			i := slices.IndexFunc(r.scripts, func(s *trackScript) bool { return s.name == t.name })
			if defined = i >= 0; defined {
				weight, reverse, gone = r.scripts[i].weight, r.scripts[i].reverse, r.scripts[i].gone
			}
		case vrrp.TrackFile:
			i := slices.IndexFunc(r.files, func(f *trackFile) bool { return f.name == t.name })
			if defined = i >= 0; defined {
				weight, reverse, gone = r.files[i].weight, r.files[i].reverse, r.files[i].path == nil
				if weight == nil {
					weight = new(int)
					*weight = 1
				}
			}
		case vrrp.TrackProcess:
			i := slices.IndexFunc(r.processes, func(p *trackProcess) bool { return p.name == t.name })
			if defined = i >= 0; defined {
				weight, reverse, gone = r.processes[i].weight, r.processes[i].reverse, len(r.processes[i].command) == 0
			}
		}
		if !defined {
			r.warnf(t.at, "unknown_track", "", "there is no %s %s to track; it is ignored", t.kind, t.name)
		}
		if gone {
			r.warnf(t.at, "unknown_track", "", "the %s %s that is ignored is not tracked, as in keepalived", t.kind, t.name)
		}
		if !defined || gone {
			continue
		}
		one := vrrp.Track{ID: vrrp.TrackID{Kind: t.kind, Name: t.name}}
		if slices.ContainsFunc(out, func(o vrrp.Track) bool { return o.ID == one.ID }) {
			r.warnf(t.at, "duplicate_track", "", "%s is tracked already; the first counts", one.ID)
			continue
		}
		one.Weight, one.Reverse = weightOf(t, weight, reverse)
		out = append(out, one)
	}
	return out
}

// run is what becomes of a program: nobody is named to run it when that is who
// runs all programs.
func (r *reader) run(p *program, what string) conf.Program {
	if p == nil {
		return conf.Program{}
	}
	out := conf.Program{Args: r.found(p, what)}
	if out.Args != nil && p.user != or(r.global.scriptUser, "") {
		out.User = p.user
	}
	return out
}

// notify builds who is told, and reports whether anybody is.
func (r *reader) notify(n notify, mail, mailer bool) (conf.Notify, bool) {
	mail = mail && mailer
	any := mail
	run := func(p *program) conf.Program {
		out := r.run(p, "the notification")
		any = any || out.Args != nil
		return out
	}
	out := conf.Notify{
		LowerPriority: run(n.lower), PriorityChanges: or(first(n.priority, r.global.notifyPriority), false),
		Master: run(n.master), Backup: run(n.backup), Fault: run(n.fault), Stop: run(n.stop), Deleted: run(n.deleted),
		Any: run(n.any), Mail: mail,
	}
	return out, any || out.PriorityChanges
}

// buildGroups builds the sync groups. Members that do not exist are ignored, as
// keepalived does.
func (r *reader) buildGroups(cfg *conf.Config) {
	taken := map[string]string{}
	for _, g := range r.groups {
		out := conf.SyncGroup{Group: vrrp.Group{Name: g.name, Tracks: r.resolve(g.tracks, "")}}
		out.Notify, _ = r.notify(g.notify, or(first(g.notify.smtpAlert, r.global.smtpAlertVRRP, r.global.smtpAlert), false), cfg.Global.Mail != nil)
		for n, m := range g.members {
			i := slices.IndexFunc(cfg.Routers, func(c vrrp.Config) bool { return c.Name == m.text })
			switch {
			case i < 0:
				r.warnf(g.atOf[n], "unknown_instance", "", "there is no vrrp_instance %s; %s goes without it", m.text, g.name)
			case taken[m.text] != "":
				r.warnf(g.atOf[n], "duplicate_member", "", "%s is in the group %s already", m.text, taken[m.text])
			default:
				taken[m.text] = g.name
				out.Members = append(out.Members, cfg.Routers[i].ID)
			}
		}
		switch {
		case len(out.Members) == 0:
			r.warnf(g.at, "small_group", "", "vrrp_sync_group %s has no member; it is ignored", g.name)
			continue
		case len(out.Members) == 1:
			r.notef(g.at, "small_group", "", "vrrp_sync_group %s has only one member", g.name)
		}
		cfg.Groups = append(cfg.Groups, out)
	}
}

// serviceName makes a name of what a virtual_server is called.
func serviceName(title string) string {
	return strings.Map(func(c rune) rune {
		if c == ':' || c == '/' || c == ' ' {
			return '_'
		}
		return c
	}, title)
}
