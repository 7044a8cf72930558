package simulate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// draft is a configuration of several directors in the making.
type draft struct {
	strings.Builder
	rng       *rand.Rand
	directors int
	version   int
	grouped   bool
}

// draw returns a random configuration of two to four directors, with what
// elections depend on, and another one that it may be changed to.
func draw(seed uint64) (text, changed string) {
	rng := rand.New(rand.NewPCG(seed, 3))
	d := &draft{rng: rng, directors: pick(rng, 2, 2, 3, 4), version: pick(rng, 2, 3), grouped: rng.IntN(3) == 0}
	d.instance("web", "eth0", 51, "192.0.2.100/24")
	if d.grouped || d.yes(40) {
		iface := pick(rng, "eth0", "eth1")
		d.instance("inside", iface, 52, "198.51.100.1/24")
	}
	if d.grouped {
		d.line("vrrp_sync_group %q {\n  members = [\"web\", \"inside\"]", "edge")
		d.track()
		d.line("}")
	}
	d.line("track_script \"chk\" { command = [\"/bin/true\"] }")
	d.line("track_ping \"gw\" { targets = [\"192.0.2.1\"] }")
	d.line("track_file \"drain\" { path = \"/run/drain\" }")
	return d.heads() + d.String(), d.heads() + d.String()
}

func (d *draft) yes(percent int) bool { return d.rng.IntN(100) < percent }

func (d *draft) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// maybe writes a line or leaves it out.
func (d *draft) maybe(percent int, format string, args ...any) {
	if d.yes(percent) {
		d.line(format, args...)
	}
}

// heads are the director blocks, with other priorities each time: few values
// make ties common.
func (d *draft) heads() string {
	var b strings.Builder
	b.WriteString("version = 1\n")
	for i := range d.directors {
		priority := pick(d.rng, 1, 50, 100, 100, 150, 200, 254)
		if i == 0 && d.yes(10) {
			priority = 255
		}
		fmt.Fprintf(&b, "director \"lb%d\" {\n  address = \"203.0.113.%d\"\n  priority = %d\n}\n", i+1, i+1, priority)
	}
	return b.String()
}

// instance writes one with two addresses and whatever else comes up.
func (d *draft) instance(name, iface string, vrid int, address string) {
	d.line("vrrp_instance %q {\n  interface = %q\n  vrid = %d\n  version = %d", name, iface, vrid, d.version)
	interval := pick(d.rng, "1s", "1s", "2s")
	addresses, unicast := []string{address}, d.yes(20)
	if d.version == 3 {
		interval = pick(d.rng, "100ms", "500ms", "1s", "3s")
		if !unicast && d.yes(20) {
			addresses = append(addresses, fmt.Sprintf("fe80::%d/64", vrid))
		}
	}
	d.line("  advert_interval = %q\n  virtual_address = [\"%s\"]", interval, strings.Join(addresses, `", "`))
	d.maybe(25, "  preempt = false")
	leases := []string{"heal", "off", "strict"}
	if strings.HasSuffix(interval, "ms") {
		leases = leases[:2] // strict takes a second at least
	}
	d.maybe(20, "  lease = %q", pick(d.rng, leases...))
	d.maybe(30, "  hand_over = %q", "immediate")
	d.line("  unicast = %v", unicast)
	d.maybe(10, "  preempt_delay = %q", "5s")
	d.maybe(10, "  down_adverts = %d", pick(d.rng, 2, 5))
	if d.version == 2 {
		d.maybe(15, "  auth %q { secret = \"s3cr3t\" }", pick(d.rng, "password", "ah"))
	}
	d.maybe(15, "  source = director.address")
	d.track()
	d.line("}")
}

// track writes up to two tracks.
func (d *draft) track() {
	kinds := [][2]string{{"interface", "eth2"}, {"script", "chk"}, {"ping", "gw"}, {"file", "drain"}}
	d.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for _, k := range kinds[:pick(d.rng, 0, 0, 1, 2)] {
		d.line("  track %q %q {", k[0], k[1])
		d.maybe(60, "    weight = %d", pick(d.rng, -100, -60, -10, 60))
		d.maybe(15, "    reverse = true")
		if k[0] == "interface" {
			d.maybe(40, "    debounce = %q", "500ms")
		}
		d.line("  }")
	}
}
