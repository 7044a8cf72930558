package daemon

import (
	"fmt"
	"net/netip"
	"slices"

	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
	"github.com/vipd/vipd/vrrp"
)

// reloadWorld is a director alone: the engine, a model of its addresses, the
// pools and a model of the kernel's table, in virtual time.
type reloadWorld struct {
	now    time.Time
	engine *vrrp.Engine
	next   time.Time
	cfg    *conf.Config
	held   map[heldAt]vrrp.RouterID
	deeds  []deed // what was done to addresses since the last apply

	pools pools
	table ipvstest.Kernel
	owned map[ipvs.ServiceKey]bool
	ops   []ipvs.Op // since the last apply
}

// heldAt is a place where an address may be.
type heldAt struct {
	carrier string
	address netip.Prefix
}

// deed is one thing done to an address.
type deed struct {
	id      vrrp.RouterID
	release bool
	address netip.Prefix
}

// settling is how long everything may take to come to rest: the longest
// master-down, hand-over and slow start of the configurations here.
const settling = 100 * time.Second

func newReloadWorld() *reloadWorld {
	return &reloadWorld{
		now: time.Unix(1_000_000, 0), engine: vrrp.NewEngine(),
		held: make(map[heldAt]vrrp.RouterID), owned: make(map[ipvs.ServiceKey]bool),
	}
}

// apply configures everything in the order of the daemon and lets it settle.
func (w *reloadWorld) apply(c *conf.Config) *reloadWorld {
	w.cfg, w.deeds, w.ops = c, nil, nil
	w.pools.configure(c.Services, false)
	w.program()
	w.observe(c)
	w.step(&vrrp.Configure{Routers: c.Routers, Groups: groupsOf(c)})
	for _, name := range interfacesOf(c) { // which the watch tells of each
		w.step(&vrrp.Link{
			Interface: name, Exists: true, Up: true, MTU: 1500,
			Primary: netip.MustParseAddr("192.0.2.2"), LinkLocal: netip.MustParseAddr("fe80::2"),
		})
	}
	end := w.now.Add(settling)
	for w.now.Before(end) {
		w.now = end
		for _, t := range []time.Time{w.next, w.pools.next} {
			if !t.IsZero() && t.Before(w.now) {
				w.now = t
			}
		}
		w.step(&vrrp.Tick{})
		if n := w.pools.next; !n.IsZero() && !n.After(w.now) {
			w.program()
		}
	}
	return w
}

func interfacesOf(c *conf.Config) (all []string) {
	for _, r := range c.Routers {
		all = append(all, r.ID.Interface, r.Carrier())
		for _, t := range r.Tracks {
			if t.ID.Kind == vrrp.TrackInterface {
				all = append(all, t.ID.Name)
			}
		}
	}
	return all
}

// observe tells that all that is tracked is well.
func (w *reloadWorld) observe(c *conf.Config) {
	tracks := func(all []vrrp.Track) {
		for _, t := range all {
			o := vrrp.Observed{ID: t.ID, State: vrrp.TrackUp}
			if t.Reverse {
				o.State = vrrp.TrackDown
			}
			if t.ID.Kind != vrrp.TrackInterface {
				w.step(&o)
			}
		}
	}
	for _, r := range c.Routers {
		tracks(r.Tracks)
	}
	for _, g := range c.Groups {
		tracks(g.Tracks)
	}
}

// step lets the engine decide and carries out what concerns addresses.
func (w *reloadWorld) step(ev vrrp.Event) {
	out := w.engine.Step(w.now, ev)
	w.next = out.Next
	for _, a := range out.Actions {
		switch a := a.(type) {
		case *vrrp.Hold:
			w.hold(a)
		case *vrrp.Release:
			for at, id := range w.held {
				if id == a.ID && slices.Contains(a.Addresses, at.address) {
					delete(w.held, at)
					w.deeds = append(w.deeds, deed{a.ID, true, at.address})
				}
			}
		}
	}
}

// hold puts addresses where they belong now.
func (w *reloadWorld) hold(h *vrrp.Hold) {
	i := slices.IndexFunc(w.cfg.Routers, func(c vrrp.Config) bool { return c.ID == h.ID })
	if i < 0 {
		return // of a router that hands over and is configured no more
	}
	for _, p := range h.Addresses {
		at := heldAt{w.cfg.Routers[i].CarrierOf(p), p}
		for was, id := range w.held {
			if id == h.ID && was.address == p && was != at {
				delete(w.held, was)
			}
		}
		if _, there := w.held[at]; !there {
			w.deeds = append(w.deeds, deed{id: h.ID, address: p})
		}
		w.held[at] = h.ID
	}
}

// program makes the table the decided one.
func (w *reloadWorld) program() {
	have, _ := w.table.Table()
	want, _ := w.pools.decide(w.now, have.Find, true, w)
	ops := ipvs.Diff(have, want, w.owned)
	for _, op := range ops {
		if err := w.table.Apply(op); err != nil {
			panic(err)
		}
	}
	w.ops = append(w.ops, ops...)
	clear(w.owned)
	for _, e := range want {
		w.owned[e.Service.Key] = true
	}
}

// poolVerdict: one real server in three is dead, always the same ones.
func (w *reloadWorld) poolVerdict(_ conf.Service, a netip.AddrPort) ipvs.Verdict {
	if a.Addr().As16()[15]%3 == 0 {
		return ipvs.Down
	}
	return ipvs.Up
}

func (w *reloadWorld) poolWeight(_ conf.Service, rs ipvs.RealServer) int { return rs.Weight }

func (w *reloadWorld) poolReason(conf.Service, netip.AddrPort) string { return "" }

func (w *reloadWorld) poolIdle(ipvs.ServiceKey, netip.AddrPort) bool { return true }

// routers are what the engine says of itself, by identity; what depends on
// when something happened is left out.
func (w *reloadWorld) routers() map[string]string {
	out := make(map[string]string)
	for _, s := range w.engine.Status() {
		out[routerName(&s)] = fmt.Sprint(s.Name, s.Version, s.State, s.Priority, s.BasePriority, s.AdvertInterval, s.Addresses,
			s.Carrier, s.Lease, s.LeaseTime, s.Preempt, s.Group, s.Tracks)
	}
	return out
}

func routerName(s *vrrp.RouterStatus) string {
	return fmt.Sprintf("%s/%s/%d", s.Interface, s.Family, s.VRID)
}

// rest is the whole state at rest.
type rest struct {
	Routers map[string]string
	Held    map[string]string
	Table   []string
}

func (w *reloadWorld) rest() rest {
	r := rest{Routers: w.routers(), Held: make(map[string]string)}
	for at, id := range w.held {
		r.Held[at.carrier+" "+at.address.String()] = id.String()
	}
	table, _ := w.table.Table()
	table.Sort()
	for _, e := range table {
		r.Table = append(r.Table, fmt.Sprintf("%+v", e))
	}
	return r
}

// past is what must not change for those that stay.
type past struct {
	cfg     *conf.Config
	routers map[string]routerPast
	members map[member]bool
}

type routerPast struct {
	state  vrrp.State
	since  time.Time
	became uint64
}

func (w *reloadWorld) past() past {
	out := past{cfg: w.cfg, routers: make(map[string]routerPast), members: w.members()}
	for _, s := range w.engine.Status() {
		out.routers[routerName(&s)] = routerPast{s.State, s.Since, s.Counters.BecameMaster}
	}
	return out
}

// untouched checks that the reload from before to now left alone what both
// have: routers keep state and age, no address that both hold was taken away,
// no service or real server that was and is in the table left it meanwhile.
func (w *reloadWorld) untouched(t complainer, before past) {
	t.Helper()
	now := w.past()
	old := make(map[vrrp.RouterID]*vrrp.Config, len(before.cfg.Routers))
	for i := range before.cfg.Routers {
		old[before.cfg.Routers[i].ID] = &before.cfg.Routers[i]
	}
	for i := range w.cfg.Routers {
		b := &w.cfg.Routers[i]
		a := old[b.ID]
		if a == nil || a.Carrier() != b.Carrier() {
			continue
		}
		if was, is := before.routers[b.ID.String()], now.routers[b.ID.String()]; was != is {
			t.Errorf("router %s is %+v, was %+v", b.ID, is, was)
		}
		for _, d := range w.deeds {
			if d.id == b.ID && slices.Contains(a.Held(), d.address) && slices.Contains(b.Held(), d.address) && a.CarrierOf(d.address) == b.CarrierOf(d.address) {
				t.Errorf("router %s: %s, which it had and has, was touched: %+v", b.ID, d.address, d)
			}
		}
	}
	w.servicesUntouched(t, before)
}

func (w *reloadWorld) servicesUntouched(t complainer, before past) {
	t.Helper()
	both, now := before.members, w.members()
	for _, op := range w.ops {
		key := member{service: op.Service.Key}
		if op.Kind == ipvs.AddDestination || op.Kind == ipvs.RemoveDestination {
			key.server = op.Destination.Address
		} else if op.Kind != ipvs.AddService && op.Kind != ipvs.RemoveService {
			continue
		}
		if both[key] && now[key] {
			t.Errorf("of what was and is in the table: %s", op)
		}
	}
}

// member is a service of the kernel, or a real server behind one.
type member struct {
	service ipvs.ServiceKey
	server  netip.AddrPort
}

// members are in the table now.
func (w *reloadWorld) members() map[member]bool {
	out := make(map[member]bool)
	table, _ := w.table.Table()
	for _, e := range table {
		out[member{service: e.Service.Key}] = true
		for _, d := range e.Destinations {
			out[member{e.Service.Key, d.Address}] = true
		}
	}
	return out
}

// complainer is a test of any kind.
type complainer interface {
	Helper()
	Errorf(format string, args ...any)
}
