// Package dump writes the state of the daemon in the forms of keepalived's
// dumps, for the scripts and exporters that read them.
package dump

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// State is what a dump tells about.
type State struct {
	Config *conf.Config
	Status api.Status
	// Cleared are the counters at the time when somebody cleared them, by
	// router; a router that is not among them counts from its start.
	Cleared map[vrrp.RouterID]vrrp.Counters
}

// instance joins what is configured and what is so.
type instance struct {
	vrrp.Config
	api.Instance
	group  string
	notify conf.Notify
	stats  stats
}

// instances lists the virtual routers in the order of the configuration.
func (s State) instances() []instance {
	var out []instance
	for _, c := range s.Config.Routers {
		i := slices.IndexFunc(s.Status.Instances, func(in api.Instance) bool { return ID(in) == c.ID })
		if i < 0 {
			continue
		}
		one := instance{Config: c, Instance: s.Status.Instances[i], notify: s.Config.Notify[c.Name]}
		one.stats = statsOf(one.Counters, s.Cleared[c.ID])
		for _, g := range s.Config.Groups {
			if slices.Contains(g.Members, c.ID) {
				one.group = g.Name
			}
		}
		out = append(out, one)
	}
	return out
}

// ID is the identity of an instance of a status.
func ID(in api.Instance) vrrp.RouterID {
	family := vrrp.IPv4
	if in.Family == vrrp.IPv6.String() {
		family = vrrp.IPv6
	}
	return vrrp.RouterID{Interface: in.Interface, Family: family, VRID: in.VRID}
}

// words are keepalived's names of states, with their numbers.
var words = map[vrrp.State]struct {
	name   string
	number int
}{
	vrrp.StateInitialize: {"INIT", 0}, vrrp.StateBackup: {"BACKUP", 1}, vrrp.StateMaster: {"MASTER", 2}, vrrp.StateFault: {"FAULT", 3},
}

// master tells whether the addresses are here.
func (in *instance) master() bool { return in.State == vrrp.StateMaster }

// vips are the addresses as keepalived writes them.
func (in *instance) vips(excluded bool) []string {
	var list []string
	addresses := in.Config.Addresses
	if excluded {
		addresses = in.Excluded
	}
	for _, p := range addresses {
		o := in.Options[p]
		text := fmt.Sprintf("%s dev %s scope %s", p, in.CarrierOf(p), scopeWord(o.Scope))
		if o.Label != "" {
			text += " label " + o.Label
		}
		if in.master() {
			text += " set"
		}
		list = append(list, text)
	}
	return list
}

func scopeWord(n uint8) string {
	if name, is := map[uint8]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}[n]; is {
		return name
	}
	return fmt.Sprint(n)
}

// page is a text of lines "name = value".
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

func (p *page) section(name string) { p.line("------< %s >------", name) }

// stamp is a time as keepalived writes it.
func stamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d (%s.%06d %d)", t.Unix(), t.Nanosecond()/1000, t.Format("Mon Jan _2 15:04:05"), t.Nanosecond()/1000, t.Year())
}

func seconds(d time.Duration) int { return int(d / time.Second) }

func onOff(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}
