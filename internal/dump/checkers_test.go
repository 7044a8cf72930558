package dump

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
)

// tell is a program that is run as usual.
func tell(word string) conf.Program { return conf.Program{Args: []string{"/usr/bin/tell", word}} }

// served is a virtual server with a check of its one real server.
func served() State {
	address := netip.MustParseAddrPort("127.0.0.3:8081")
	check := healthcheck.Check{
		Settings: healthcheck.Settings{
			Kind: healthcheck.KindScript, Timeout: 2 * time.Second, Params: healthcheck.Script{Command: healthcheck.ListOf("/usr/bin/look", "a", "b")},
		},
		Timing: healthcheck.Timing{Interval: time.Second, Warmup: time.Second, Rise: 1, Fall: 1},
	}
	status := healthcheck.Status{Key: healthcheck.KeyFor(check, address), Verdict: healthcheck.Down, Failures: 3}
	return State{
		Config: &conf.Config{Services: []conf.Service{{
			Config: ipvs.Config{
				Name: "web", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")}, Scheduler: "rr",
				RealServers: []ipvs.RealServer{{Address: address, Weight: 1}},
			},
			OnQuorumUp: tell("qup"), OnQuorumDown: tell("qdown"),
			Servers: map[netip.AddrPort]conf.ServerNotify{address: {Up: tell("up3"), Down: tell("down3")}},
		}}},
		Status: api.Status{Services: []api.Service{{
			Name: "web", RealServers: []api.RealServer{{Address: address, Checks: []api.Check{{Status: status}}}},
		}}},
	}
}

// ownInsides are lines of keepalived's dump of virtual servers that say nothing
// to others, or what is not so here: the times of a check are those of its own.
var ownInsides = []string{
	"   connection timeout", "   delay_loop", "   Delay loop", "   Hashed", "   flag-1", "   flag-2", "   flag-3", "   default forwarding method",
	"   reloaded", "   previous effective_weight", "   Current weight", "   Retries iterations", "   Default delay before retry", "   Delay before retry",
	"     Dest", "     Timeout", "   uid:gid", "   Last ran", "   Last status",
}

// TestKeepalived_Checkers: every line of virtual servers, real servers and
// checks that programs look for.
func TestKeepalived_Checkers(t *testing.T) {
	got := string(Checkers(served()))
	_, theirs, _ := strings.Cut(sample(t, "keepalived_check.data"), "------< LVS Topology >------\n")
	mine := keys(got)
	for name := range keys(theirs) {
		if !mine[name] && !slices.Contains(ownInsides, name) && !strings.HasPrefix(name, " [") {
			t.Errorf("no line %q in\n%s", name, got)
		}
	}
	for _, want := range []string{
		" VS VIP = 192.0.2.1, VPORT = 80\n", "   RIP = 127.0.0.3, RPORT = 8081, WEIGHT = 1 EFF WEIGHT = 0\n", "   forwarding method = NAT\n",
		"   alive = 0\n   num failed checkers = 1\n   RS set = 0\n", "     RS up notify script = '/usr/bin/tell' 'up3'\n",
		" [192.0.2.1]:tcp:80 -> [127.0.0.3]:tcp:8081\n   Enabled = yes\n   Up = no\n   Has run = yes\n", "   Keepalive method = MISC_CHECK\n   script = '/usr/bin/look' 'a' 'b'\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestKeepalived_Parent: the global settings, by keepalived's names.
func TestKeepalived_Parent(t *testing.T) {
	s := example()
	s.Config.Global.Namespace, s.Config.Global.Instance = "blue", "one"
	got := string(Parent(s))
	for _, want := range []string{" Network namespace = blue\n", " Router ID = LVS_1\n", " Smtp server = 127.0.0.1\n Smtp server port = 25\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "VRRP Topology") {
		t.Error("instances are in it")
	}
}
