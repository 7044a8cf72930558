package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/golden"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.hcl")
	if err := os.WriteFile(bad, []byte("version = 1\nvrrp_instanze \"x\" {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := "../../examples/two-directors.hcl"
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"usable file", []string{"check", good, "--director", "lb1"}, 0},
		{"usable file as JSON", []string{"check", "--json", "-f", good, "--director", "lb2"}, 0},
		{"file with a mistake", []string{"check", bad}, 1},
		{"file that is not there", []string{"check", "/nonexistent.hcl"}, 2},
		{"unknown command", []string{"chekc"}, 2},
		{"unknown flag", []string{"check", "--colour"}, 2},
		{"argument to run", []string{"run", good}, 2},
		{"status without a daemon", []string{"status", "--runtime-dir", empty}, 1},
		{"reload without a daemon", []string{"reload", "--runtime-dir", empty}, 1},
		{"run with a mistake", []string{"run", "-f", bad, "--runtime-dir", empty, "--state-dir", empty}, exitConfig},
		{"run without a file", []string{"run", "-f", "/nonexistent.hcl", "--runtime-dir", empty, "--state-dir", empty}, 2},
		{"version", []string{"version"}, 0},
		{"help", []string{"status", "--help"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := execute(c.args); got != c.want {
				t.Errorf("vipd %v exits %d, want %d", c.args, got, c.want)
			}
		})
	}
}

func TestRenderStatus(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var buf bytes.Buffer
	renderStatus(&buf, sample(now))
	golden.Compare(t, "testdata/status.txt", buf.String())
}

// sample has a master with a contested address and a pool that lives on its
// fallback: most of what status can show.
func sample(now time.Time) api.Status {
	vip := netip.MustParsePrefix("192.0.2.100/24")
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	check := api.Check{Status: healthcheck.Status{
		Key:  healthcheck.Key{Settings: healthcheck.Settings{Kind: healthcheck.KindHTTP}},
		Last: healthcheck.Result{At: ago(time.Second), Class: healthcheck.ClassStatus, Reason: "HTTP status 503, expected 200-299", Duration: 2100 * time.Microsecond},
	}}
	return api.Status{
		Version: "1.0", PID: 4711, Started: ago(time.Hour), Now: now, Director: "lb1", Files: []string{"/etc/vipd/vipd.hcl"},
		Reload:   api.Reload{At: ago(time.Hour), OK: true},
		Roles:    []api.Role{{Name: "router", PID: 4712, Running: true, Since: ago(time.Hour)}, {Name: "checker", Since: ago(time.Second), Restarts: 3}},
		Problems: []string{"virtual server web: no real server is available"},
		Instances: []api.Instance{
			{
				RouterStatus: vrrp.RouterStatus{
					Name: "web", Interface: "eth0", VRID: 51, Version: 3, State: vrrp.StateMaster, Since: ago(90 * time.Second), Priority: 150,
					AdvertInterval: time.Second, Lease: "heal", LeaseTime: 6 * time.Second, LastFrom: vrrp.StateBackup, LastReason: vrrp.ReasonMasterDown,
				},
				Addresses: []runner.AddressStatus{{Interface: "eth0", Address: vip, State: runner.AddressContested, PutBacks: 5}},
			},
			{
				RouterStatus: vrrp.RouterStatus{
					Name: "inside", Interface: "eth1", VRID: 7, Version: 2, State: vrrp.StateBackup, Since: ago(3 * time.Second), Priority: 100,
					AdvertInterval: time.Second, Lease: "off", LastReason: vrrp.ReasonStartup, PreemptHeld: true,
					Master: netip.MustParseAddr("10.0.0.2"), MasterPriority: 50, MasterHeard: ago(400 * time.Millisecond),
				},
			},
		},
		Services: []api.Service{{
			Name: "web", Protocol: "tcp", Address: netip.MustParseAddrPort("192.0.2.100:80"), Scheduler: "wlc", Persistent: time.Minute, FallbackActive: true,
			RealServers: []api.RealServer{
				{Address: netip.MustParseAddrPort("192.0.2.11:80"), Forward: "direct", InKernel: true, Configured: 2, Verdict: healthcheck.Down, Since: ago(12 * time.Second), Active: 3, Checks: []api.Check{check}},
				{Address: netip.MustParseAddrPort("192.0.2.12:80"), Forward: "direct", Configured: 1, Verdict: healthcheck.Down, Since: ago(time.Minute), Checks: []api.Check{check}},
				{Address: netip.MustParseAddrPort("127.0.0.1:80"), Forward: "direct", InKernel: true, Weight: 1, Configured: 1, Fallback: true, Inactive: 9},
			},
		}},
	}
}
