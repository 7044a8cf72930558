package conf

import "reflect"

// elections compares what elections depend on, and who is told of them.
func (p *planner) elections() {
	planNamed(p, "vrrp_sync_group", p.have.Groups, p.want.Groups, func(g SyncGroup) string { return g.Name }, map[Action]string{
		ActionAdd: "its members change state together from now on", ActionRetune: "nobody changes state by this alone", ActionRemove: "its members change state alone from now on",
	})
	tracked := map[Action]string{
		ActionAdd: "its first verdict counts", ActionRetune: "its last verdict stands until there is another", ActionRemove: "nothing depends on it any more",
	}
	have, want := &p.have.Tracking, &p.want.Tracking
	planNamed(p, "track_script", have.Scripts, want.Scripts, func(t TrackScript) string { return t.Name }, tracked)
	planNamed(p, "track_ping", have.Pings, want.Pings, func(t TrackPing) string { return t.Name }, tracked)
	planNamed(p, "track_file", have.Files, want.Files, func(t TrackFile) string { return t.Name }, tracked)
	planNamed(p, "track_process", have.Processes, want.Processes, func(t TrackProcess) string { return t.Name }, tracked)
	told := make(map[string]bool, len(p.want.Routers)) // an instance may be two routers
	for i := range p.want.Routers {
		name := p.want.Routers[i].Name
		if a, b := p.have.Notify[name], p.want.Notify[name]; !told[name] && !reflect.DeepEqual(a, b) {
			p.add(Change{Action: ActionRetune, Object: "notify", Name: name, Fields: diffFields(a, b), Impact: []string{"counts from the next change of state on"}})
		}
		told[name] = true
	}
}

// planNamed compares objects that are known by their name alone and disrupt
// nothing by themselves; impact tells what an action means.
func planNamed[T any](p *planner, object string, have, want []T, name func(T) string, impact map[Action]string) {
	old := make(map[string]T, len(have))
	for _, x := range have {
		old[name(x)] = x
	}
	for _, x := range want {
		before, known := old[name(x)]
		delete(old, name(x))
		c := Change{Action: ActionKeep, Object: object, Name: name(x)}
		switch {
		case !known:
			c.Action = ActionAdd
		case !reflect.DeepEqual(before, x):
			c.Action, c.Fields = ActionRetune, diffFields(before, x)
		}
		if text := impact[c.Action]; text != "" {
			c.Impact = []string{text}
		}
		p.add(c)
	}
	for _, x := range have {
		if _, gone := old[name(x)]; gone {
			p.add(Change{Action: ActionRemove, Object: object, Name: name(x), Impact: []string{impact[ActionRemove]}})
		}
	}
}
