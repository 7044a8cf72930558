package daemon

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/track"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

func sampleStatus() api.Status {
	vip, chk := netip.MustParsePrefix("192.0.2.100/24"), vrrp.TrackID{Kind: vrrp.TrackScript, Name: "chk"}
	in := api.Instance{
		RouterStatus: vrrp.RouterStatus{
			Name: "web", Family: "ipv4", State: vrrp.StateMaster, Priority: 150, BasePriority: 210, Standby: &vrrp.StandbyStatus{},
			// One thing in two ways, and one that nobody has looked at yet.
			Tracks: []vrrp.Contribution{
				{Track: chk, State: vrrp.TrackDown, Weight: -60, Delta: -60}, {Track: chk, State: vrrp.TrackDown, Fault: true},
				{Track: vrrp.TrackID{Kind: vrrp.TrackFile, Name: "new"}},
			},
			Counters: vrrp.Counters{
				AdvertsSent: 7, LatenessMax: 2 * time.Millisecond,
				TransitionsTo: map[string]uint64{"master": 1}, Dropped: map[vrrp.DropReason]uint64{vrrp.DropChecksum: 3},
			},
		},
		Addresses: []runner.AddressStatus{{Address: vip, State: runner.AddressHeld, PutBacks: 2}},
	}
	key := healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindHTTP}}
	rs := api.RealServer{
		Address: netip.MustParseAddrPort("192.0.2.11:80"), InKernel: true, Weight: 0, Configured: 3, Verdict: healthcheck.Down,
		Checks: []api.Check{{Status: healthcheck.Status{Key: key, Successes: 5, Failures: 2, Last: healthcheck.Result{Duration: 4 * time.Millisecond}}}},
	}
	return api.Status{
		Version: "1", Director: "lb1", Reload: api.Reload{OK: true}, Instances: []api.Instance{in},
		Tracks:   []track.Status{{ID: chk, State: vrrp.TrackDown, Runs: 7, Failures: 2}},
		Services: []api.Service{{Name: "web", FallbackActive: true, RealServers: []api.RealServer{rs}}},
	}
}

func TestMetricsText(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(&collector{status: func(context.Context) api.Status { return sampleStatus() }})
	want := `
# HELP vipd_vrrp_state 1 for the state the instance is in.
# TYPE vipd_vrrp_state gauge
vipd_vrrp_state{family="ipv4",instance="web",state="backup"} 0
vipd_vrrp_state{family="ipv4",instance="web",state="fault"} 0
vipd_vrrp_state{family="ipv4",instance="web",state="initialize"} 0
vipd_vrrp_state{family="ipv4",instance="web",state="master"} 1
# HELP vipd_vrrp_dropped_total Rejected packets with the VRID of an instance.
# TYPE vipd_vrrp_dropped_total counter
vipd_vrrp_dropped_total{family="ipv4",instance="web",reason="checksum"} 3
# HELP vipd_vrrp_advert_lateness_max_seconds Lateness of the latest advert so far.
# TYPE vipd_vrrp_advert_lateness_max_seconds gauge
vipd_vrrp_advert_lateness_max_seconds{family="ipv4",instance="web"} 0.002
# HELP vipd_ipvs_real_server_weight Weight in the kernel; absent when the kernel does not have it.
# TYPE vipd_ipvs_real_server_weight gauge
vipd_ipvs_real_server_weight{real_server="192.0.2.11:80",service="web"} 0
# HELP vipd_check_results_total Results of a real server's checks.
# TYPE vipd_check_results_total counter
vipd_check_results_total{kind="http",real_server="192.0.2.11:80",result="failure",service="web"} 2
vipd_check_results_total{kind="http",real_server="192.0.2.11:80",result="success",service="web"} 5
`
	want += `
# HELP vipd_vrrp_standby 1 while an operator's standby is in force.
# TYPE vipd_vrrp_standby gauge
vipd_vrrp_standby{family="ipv4",instance="web"} 1
# HELP vipd_vrrp_base_priority Priority as configured.
# TYPE vipd_vrrp_base_priority gauge
vipd_vrrp_base_priority{family="ipv4",instance="web"} 210
# HELP vipd_vrrp_track_fault 1 while the tracked thing keeps the instance in fault.
# TYPE vipd_vrrp_track_fault gauge
vipd_vrrp_track_fault{family="ipv4",instance="web",kind="file",track="new"} 0
vipd_vrrp_track_fault{family="ipv4",instance="web",kind="script",track="chk"} 1
# HELP vipd_vrrp_track_priority What the tracked thing adds to the priority.
# TYPE vipd_vrrp_track_priority gauge
vipd_vrrp_track_priority{family="ipv4",instance="web",kind="file",track="new"} 0
vipd_vrrp_track_priority{family="ipv4",instance="web",kind="script",track="chk"} -60
# HELP vipd_vrrp_track_up 1 while the tracked thing is up, 0 while it is down; absent while that is unknown.
# TYPE vipd_vrrp_track_up gauge
vipd_vrrp_track_up{family="ipv4",instance="web",kind="script",track="chk"} 0
# HELP vipd_track_looks_total Looks at a tracked thing.
# TYPE vipd_track_looks_total counter
vipd_track_looks_total{kind="script",result="failure",track="chk"} 2
vipd_track_looks_total{kind="script",result="success",track="chk"} 5
`
	err := testutil.GatherAndCompare(reg, strings.NewReader(want), "vipd_vrrp_standby", "vipd_vrrp_base_priority",
		"vipd_vrrp_track_fault", "vipd_vrrp_track_priority", "vipd_vrrp_track_up", "vipd_track_looks_total",
		"vipd_vrrp_state", "vipd_vrrp_dropped_total", "vipd_vrrp_advert_lateness_max_seconds", "vipd_ipvs_real_server_weight", "vipd_check_results_total")
	if err != nil {
		t.Error(err)
	}
}

// An instance with addresses of both families is two virtual routers of one
// name: no sample may stand for both.
func TestMetricsOfBothFamilies(t *testing.T) {
	st := sampleStatus()
	six := st.Instances[0]
	six.Family = "ipv6"
	six.Addresses = []runner.AddressStatus{{Address: netip.MustParsePrefix("2001:db8::100/64")}}
	st.Instances = append(st.Instances, six)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(&collector{status: func(context.Context) api.Status { return st }})
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		if n := len(family.GetMetric()); family.GetName() == "vipd_vrrp_priority" && n != 2 {
			t.Errorf("%d samples of the priority, want 2", n)
		}
	}
}

// The operations page lists every metric, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		name, _, _ := strings.Cut(strings.TrimPrefix(m.desc.String(), `Desc{fqName: "`), `"`)
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/operations.md does not name %s", name)
		}
	}
}
