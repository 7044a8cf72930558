package dump

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// example is a master with a group and counters.
func example() State {
	c := vrrp.Config{
		Name: "VI_1", ID: vrrp.RouterID{Interface: "va", Family: vrrp.IPv4, VRID: 51}, Version: 3, Priority: 100, Preempt: true,
		AdvertInterval: 500 * time.Millisecond, Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.9.100/24")},
		Excluded: []netip.Prefix{netip.MustParsePrefix("10.9.9.101/24")},
		Options:  map[netip.Prefix]vrrp.AddressOptions{netip.MustParsePrefix("10.9.9.101/24"): {Interface: "vb", Label: "vb:1", Scope: 253}},
		Announce: vrrp.Announce{Repeat: 5, Delay: 5 * time.Second, LowerRepeat: 2, LowerDelay: time.Second},
	}
	return State{
		Config: &conf.Config{
			Routers: []vrrp.Config{c}, Global: conf.Global{Dump: &conf.Dump{Version: 1}, Mail: &conf.Mail{Name: "LVS_1", Server: "127.0.0.1:25"}},
			Groups: []conf.SyncGroup{{Group: vrrp.Group{Name: "G", Members: []vrrp.RouterID{c.ID}}}},
			Notify: map[string]conf.Notify{"VI_1": {Master: conf.Program{Args: []string{"/bin/tell", "up"}}, Mail: true}},
		},
		Status: api.Status{Instances: []api.Instance{{RouterStatus: vrrp.RouterStatus{
			Name: "VI_1", Interface: "va", Family: "ipv4", VRID: 51, State: vrrp.StateMaster, Priority: 105, BasePriority: 100,
			Since: time.Unix(1795248400, 982053000).UTC(),
			Counters: vrrp.Counters{
				AdvertsSent: 7, AdvertsReceived: 3, BecameMaster: 2, ZeroSent: 1, TransitionsTo: map[string]uint64{"backup": 1, "master": 2},
				Dropped: map[vrrp.DropReason]uint64{vrrp.DropTTL: 4, vrrp.DropAuthFailed: 5},
			},
		}}}},
		Cleared: map[vrrp.RouterID]vrrp.Counters{c.ID: {AdvertsSent: 2, Dropped: map[vrrp.DropReason]uint64{vrrp.DropTTL: 1}}},
	}
}

// keys are the names before " = " or ":" of all lines of a page.
func keys(page string) map[string]bool {
	out := map[string]bool{}
	for l := range strings.Lines(page) {
		name, _, is := strings.Cut(l, " = ")
		if !is {
			name, _, is = strings.Cut(l, ":")
		}
		name, _, _ = strings.Cut(name, " (")
		if is {
			out[strings.TrimRight(name, " ")] = true
		}
	}
	return out
}

// sample reads a dump that keepalived 2.2.7 wrote of such an instance.
func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeepalived_Stats: line by line what keepalived writes, counters aside.
func TestKeepalived_Stats(t *testing.T) {
	got := string(Stats(example()))
	digits := func(s string) string {
		return strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return 'N'
			}
			return c
		}, s)
	}
	if diff := cmp.Diff(digits(sample(t, "keepalived.stats")), digits(got)); diff != "" {
		t.Errorf("(-keepalived +ours):\n%s", diff)
	}
	for _, want := range []string{"Sent: 5\n", "Received: 3\n", "Became master: 2\n", "Released master: 1\n", "TTL: 3\n", "Failure: 5\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestKeepalived_JSON: the keys, their order and kinds are keepalived's.
func TestKeepalived_JSON(t *testing.T) {
	got, err := JSON(example())
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ours []map[string]map[string]any
	for text, to := range map[string]*[]map[string]map[string]any{sample(t, "keepalived.json"): &theirs, string(got): &ours} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	for part, values := range theirs[0] {
		for key, value := range values {
			mine, has := ours[0][part][key]
			if !has {
				t.Errorf("%s.%s is missing", part, key)
			} else if a, b := kindOf(value), kindOf(mine); a != b {
				t.Errorf("%s.%s is %v, keepalived writes %v", part, key, mine, value)
			}
		}
	}
	data := ours[0]["data"]
	for key, want := range map[string]any{
		"iname": "VI_1", "state": 2.0, "vrid": 51.0, "effective_priority": 105.0, "base_priority": 100.0, "last_transition": 1795248400.982053,
		"ifp_ifname": "va", "adver_int": 0.5, "garp_lower_prio_rep": 2.0, "script_master": "/bin/tell up", "vipset": true,
	} {
		if diff := cmp.Diff(want, data[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if diff := cmp.Diff([]any{"10.9.9.100/24 dev va scope global set"}, data["vips"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"10.9.9.101/24 dev vb scope link label vb:1 set"}, data["evips"]); diff != "" {
		t.Error(diff)
	}
	two := example()
	two.Config.Global.Dump.Version = 2
	if got, err := JSON(two); err != nil || !strings.HasPrefix(string(got), `{"vrrp":[{"data":{"iname":"VI_1"`) {
		t.Errorf("version 2: %s, %v", got, err)
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case float64:
		return "number"
	case bool:
		return "bool"
	case string:
		return "string"
	}
	return "other"
}

// unwritten are lines of keepalived's dump about its own insides.
var unwritten = []string{
	"   Flags", "   Number of config faults", "   Number of interface and track script faults", "   Number of track scripts init", "   Read timeout",
	"   Master down timer", "   Using src_ip", "   Promote_secondaries", "   Notify deleted", "   Notify priority changes",
}

// TestKeepalived_Data: every line of an instance that programs look for.
func TestKeepalived_Data(t *testing.T) {
	got := string(Data(example()))
	_, theirs, _ := strings.Cut(sample(t, "keepalived.data"), "------< VRRP Topology >------\n")
	theirs, _, _ = strings.Cut(theirs, "------<")
	mine := keys(got)
	for name := range keys(theirs) {
		if !mine[name] && !slices.Contains(unwritten, name) {
			t.Errorf("no line %q in\n%s", name, got)
		}
	}
	for _, want := range []string{
		" VRRP Instance = VI_1\n", "   State = MASTER\n", "   Interface = va\n", "   Virtual Router ID = 51\n", "   Effective priority = 105\n",
		"   Advert interval = 500 milli-sec\n", "   Virtual IP (1):\n     10.9.9.100/24 dev va scope global set\n", " VRRP Sync Group = G, MASTER\n",
		"   Last transition = 1795248400.982053 (", " Router ID = LVS_1\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
