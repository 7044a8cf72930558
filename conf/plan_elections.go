package conf

import "reflect"

// elections compares what elections depend on, and who is told of them.
func (p *planner) elections() {
	planNamed(p, "vrrp_sync_group", p.have.Groups, p.want.Groups, func(g SyncGroup) string { return g.Name })
	have, want := &p.have.Tracking, &p.want.Tracking
	planNamed(p, "track_script", have.Scripts, want.Scripts, func(t TrackScript) string { return t.Name })
	planNamed(p, "track_ping", have.Pings, want.Pings, func(t TrackPing) string { return t.Name })
	planNamed(p, "track_file", have.Files, want.Files, func(t TrackFile) string { return t.Name })
	planNamed(p, "track_process", have.Processes, want.Processes, func(t TrackProcess) string { return t.Name })
	for _, r := range p.want.Routers {
		if a, b := p.have.Notify[r.Name], p.want.Notify[r.Name]; !reflect.DeepEqual(a, b) && p.first(r.Name) == r.ID.String() {
			p.add(Change{Action: ActionRetune, Object: "notify", Name: r.Name, Fields: diffFields(a, b)})
		}
	}
}

// first returns the first virtual router of an instance, which may have two.
func (p *planner) first(name string) string {
	for _, r := range p.want.Routers {
		if r.Name == name {
			return r.ID.String()
		}
	}
	return ""
}

// planNamed compares objects that are known by their name alone and disrupt
// nothing by themselves.
func planNamed[T any](p *planner, object string, have, want []T, name func(T) string) {
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
		p.add(c)
	}
	for _, x := range have {
		if _, gone := old[name(x)]; gone {
			p.add(Change{Action: ActionRemove, Object: object, Name: name(x)})
		}
	}
}
