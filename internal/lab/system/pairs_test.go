package system

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/conftest"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// pairsEnv names the environment variable that says how many random pairs are
// tried, and optionally with which the first one is drawn: "100" or "100,7".
const pairsEnv = "VIPD_LAB_PAIRS"

// director is what random configurations are for here.
var director = conftest.World{
	Length:   32,
	Instance: `advert_interval = "100ms"`,
	Options: []string{
		"priority = 50", "priority = 200", "preempt = false", `lease = "heal"`, "vmac {}", "garp {\n repeat = 2\n }",
		`hand_over = "immediate"`, "down_adverts = 5", `checksum = "plain"`,
		`route "10.$.0.0/16" { interface = "@" }`, "route \"10.$.0.0/16\" {\n interface = \"@\"\n mtu = 1400\n }",
		"rule {\n priority = 100$\n table = 100\n from = \"10.$.0.0/16\"\n }",
	},
}

// eachPair runs a test for as many pairs of configurations as are wanted.
func eachPair(t *testing.T, w conftest.World, least int, test func(t *testing.T, a, b string)) {
	n, first := least, 1
	if text := os.Getenv(pairsEnv); text != "" {
		if _, err := fmt.Sscanf(text+",1", "%d,%d", &n, &first); err != nil {
			t.Fatalf("%s=%q: %v", pairsEnv, text, err)
		}
	}
	texts := conftest.Texts(w)
	for i := range n {
		t.Run(fmt.Sprint(first+i), func(t *testing.T) { test(t, texts.Example(2*(first+i)), texts.Example(2*(first+i)+1)) })
	}
}

// The daemon and the kernel as they are: whatever the configurations, a reload
// leads to what a start leads to, going back leads exactly back, and of what both
// have in common the kernel's notices tell nothing.
func TestReloadOfRandomPairs(t *testing.T) {
	eachPair(t, director, 3, func(t *testing.T, a, b string) {
		t.Parallel()
		testPair(t, a, b)
	})
}

func testPair(t *testing.T, a, b string) {
	l := lab.New(t)
	var hosts [2]*lab.Host
	for i := range hosts { // each alone
		one, two := fmt.Sprintf("lan%d", i), fmt.Sprintf("more%d", i)
		l.Bridge(one, "192.0.2.0/24")
		l.Bridge(two, "172.16.0.0/12")
		hosts[i] = l.Host(fmt.Sprintf("lb%d", i+1), one, "192.0.2.1/24")
		hosts[i].Attach(two, "172.16.0.1/12")
		for n := 1; n <= 6; n += 2 { // real servers that live
			hosts[i].AddAddress("lo", fmt.Sprintf("198.51.100.%d/32", n))
			hosts[i].WebServer(fmt.Sprintf("198.51.100.%d:80", n), "alive")
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("A:\n%s\nB:\n%s", a, b)
		}
	})
	d := &changing{pair: &pair{t: t, net: l}, host: hosts[0], v: hosts[0].Vipd(a)}
	other := &changing{pair: d.pair, host: hosts[1], v: hosts[1].Vipd(b)}
	atA, atB := d.rest(a), other.rest(b)
	d.changes = hosts[0].Changes()
	d.stays = staying(loaded(t, d.host, a), loaded(t, d.host, b))
	for _, line := range atA {
		if slices.Contains(atB, line) {
			d.shared = append(d.shared, line)
		}
	}

	d.step("a reload to B", atB, func() { d.reload(d.v, b, true) })
	d.step("a reload back to A", atA, func() { d.reload(d.v, a, true) })
	d.step("a reload to B that nobody confirms", atA, func() {
		d.host.WriteFile("vipd.hcl", b)
		if code, body, err := d.v.Post("/v1/reload?confirm=1ms"); code != http.StatusOK || err != nil {
			t.Fatalf("reload to be confirmed: %d, %v\n%s", code, err, body)
		}
		lab.WaitFor(t, "it is rolled back", settle, func() error {
			if r := d.status(d.v).Reload; r.OK {
				return errors.New("it is not")
			}
			return nil
		})
	})
}

// changing is a director alone whose configuration changes between two.
type changing struct {
	*pair
	host    *lab.Host
	v       *lab.Vipd
	changes *lab.Changes
	// What both configurations have: instances by VRID, with the addresses that
	// both hold, and lines of the kernel's state.
	stays  map[int][]netip.Prefix
	shared []string
}

// rest waits until a daemon has all that its configuration says, and nothing
// changes any more.
func (d *changing) rest(hcl string) (state []string) {
	d.t.Helper()
	want := loaded(d.t, d.host, hcl)
	lab.WaitFor(d.t, "everything is as configured", settle, func() error {
		var st api.Status
		if err := d.v.Status(&st); err != nil {
			return err
		}
		if len(st.Instances) != len(want.Routers) || len(st.Services) < len(want.Services) {
			return fmt.Errorf("%d instances, %d services", len(st.Instances), len(st.Services))
		}
		for _, in := range st.Instances {
			if in.State != vrrp.StateMaster {
				return fmt.Errorf("%s is %v because of %v", in.Name, in.State, in.LastReason)
			}
		}
		for _, s := range st.Services {
			for _, rs := range s.RealServers {
				if rs.Verdict == healthcheck.Unknown && !rs.Fallback {
					return fmt.Errorf("%s is not checked", rs.Address)
				}
			}
		}
		return nil
	})
	since := time.Now()
	lab.WaitFor(d.t, "nothing changes any more", settle, func() error {
		if now := stateOf(d.t, d.host); !slices.Equal(now, state) {
			state, since = now, time.Now()
		}
		if time.Since(since) < 3*interval {
			return errors.New("it does")
		}
		return nil
	})
	return state
}

// step does something that leads to a state and checks that what both
// configurations have in common was left alone meanwhile.
func (d *changing) step(what string, state []string, do func()) {
	d.t.Helper()
	d.changes.Take()
	logged, had := len(d.v.Log()), d.status(d.v).Instances
	do()
	lab.WaitFor(d.t, what+" leads to what a start leads to", settle, func() error {
		if diff := cmp.Diff(state, stateOf(d.t, d.host)); diff != "" {
			return fmt.Errorf("(-start +reload):\n%s", diff)
		}
		return nil
	})
	for _, change := range d.changes.Take() {
		line, deleted := strings.CutPrefix(plain(change), "Deleted ")
		refreshed := !deleted && strings.HasSuffix(line, "lease")
		if slices.Contains(d.shared, line) && d.concerns(line) && !refreshed {
			d.t.Errorf("%s: %s", what, change)
		}
	}
	for _, line := range d.shared {
		if name, _, found := strings.Cut(line, " of IPVS"); found && strings.Contains(d.v.Log()[logged:], `"remove `+name+`"`) {
			d.t.Errorf("%s: %s was removed", what, name)
		}
	}
	now := d.status(d.v).Instances
	for n := range d.stays {
		vrid := func(in api.Instance) bool { return int(in.VRID) == n }
		is, was := slices.IndexFunc(now, vrid), slices.IndexFunc(had, vrid)
		if is < 0 || was < 0 || !now[is].Since.Equal(had[was].Since) || now[is].Counters.BecameMaster != had[was].Counters.BecameMaster {
			d.t.Errorf("%s: instance %d was among %+v, is among %+v", what, n, had, now)
		}
	}
}

func loaded(t *testing.T, h *lab.Host, hcl string) *conf.Config {
	t.Helper()
	c, diags := daemon.LoadConfig([]string{h.WriteFile("loaded.hcl", hcl)}, "", h.Name)
	if c == nil {
		t.Fatal(diags)
	}
	return c
}

// staying are the instances of both configurations that are the same by identity,
// with the addresses that both hold, by VRID.
func staying(a, b *conf.Config) map[int][]netip.Prefix {
	out := make(map[int][]netip.Prefix)
	for i := range a.Routers {
		for j := range b.Routers {
			x, y := &a.Routers[i], &b.Routers[j]
			if x.ID == y.ID && x.Carrier() == y.Carrier() {
				out[int(x.ID.VRID)] = slices.DeleteFunc(x.Held(), func(p netip.Prefix) bool { return !slices.Contains(y.Held(), p) })
			}
		}
	}
	return out
}

var (
	virtualAddress = regexp.MustCompile(`\b192\.0\.2\.10\d\b`)
	ownPath        = regexp.MustCompile(`\b10\.(\d)\.0\.0/16`)
)

// concerns tells whether a line about the network is of the host itself or of
// an instance that stays.
func (d *changing) concerns(line string) bool {
	if path := ownPath.FindStringSubmatch(line); path != nil {
		n, _ := strconv.Atoi(path[1])
		_, stay := d.stays[n]
		return stay
	}
	address := virtualAddress.FindString(line)
	for _, all := range d.stays {
		if address != "" && slices.Contains(all, netip.PrefixFrom(addr(address), 32)) {
			return true
		}
	}
	return address == ""
}

var (
	lifetime = regexp.MustCompile(`valid_lft \d+sec preferred_lft \d+sec`)
	spaces   = regexp.MustCompile(`[\s\\]+`)
	index    = regexp.MustCompile(`^(Deleted )?\d+: `)
	peer     = regexp.MustCompile(`@\w+:`)
)

// plain is a line of ip(8) without what differs between two hosts, or between
// two lives of an interface.
func plain(line string) string {
	line = peer.ReplaceAllString(index.ReplaceAllString(line, "$1"), ":")
	return strings.TrimSpace(spaces.ReplaceAllString(lifetime.ReplaceAllString(line, "lease"), " "))
}

// stateOf is all that a daemon may change on a host, as lines in order:
// addresses, routes, rules, interfaces of its own, settings, and the IPVS table.
func stateOf(t *testing.T, h *lab.Host) (lines []string) {
	t.Helper()
	batch := h.WriteFile("look", "address show\nroute show table all\nrule show\nlink show type macvlan\n")
	out, err := h.Run("ip", "-4", "-o", "-batch", batch)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		lines = append(lines, plain(line))
	}
	for _, iface := range []string{"all", "eth0", "eth1"} {
		for _, key := range []string{"promote_secondaries", "arp_ignore", "arp_announce", "arp_filter", "rp_filter", "accept_local"} {
			key = "net.ipv4.conf." + iface + "." + key
			lines = append(lines, key+"="+h.ReadSysctl(key))
		}
	}
	if lab.HasIPVS() {
		for _, v := range h.IPVS() {
			service := fmt.Sprintf("%s %s", strings.ToLower(v.Protocol), v.Address)
			lines = append(lines, service+" of IPVS", service+" scheduler "+v.Scheduler)
			for _, rs := range v.Reals {
				member := fmt.Sprintf("%s from %s", rs.Address, service)
				lines = append(lines, member+" of IPVS", fmt.Sprintf("%s weight %d", member, rs.Weight))
			}
		}
	}
	slices.Sort(lines)
	return lines
}
