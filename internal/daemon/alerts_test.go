package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/ipvs"
)

// TestAlertsAreMailedByState: who wants to hear of trouble only is not told of
// its end.
func TestAlertsAreMailedByState(t *testing.T) {
	for name, c := range map[string]struct {
		states []healthcheck.AlertState
		want   []string
	}{
		"all":     {nil, []string{"down", "up"}},
		"trouble": {[]healthcheck.AlertState{healthcheck.AlertDown, healthcheck.AlertStill}, []string{"down"}},
		"its end": {[]healthcheck.AlertState{healthcheck.AlertUp}, []string{"up"}},
	} {
		var mailed []string
		a := newAlerts(func(api.Event) {}, func(*hookCall) {}, func(m notify.Change) { mailed = append(mailed, string(m.State)) })
		a.configure(&conf.Config{Services: []conf.Service{{
			Config: ipvs.Config{Name: "web"}, Alert: &conf.Alert{Mail: true, MailStates: c.states},
		}}})
		for _, kind := range []ipvs.ChangeKind{ipvs.ServerDown, ipvs.ServerUp} {
			a.changed(poolChange{Service: "web", Change: ipvs.Change{Kind: kind, Server: netip.MustParseAddrPort("10.0.0.1:80")}})
		}
		a.leave(checkerStop{KeepTable: true})
		if diff := cmp.Diff(c.want, mailed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAlertsRunPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said, ran, mailed []string
		a := newAlerts(func(e api.Event) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, e.Level+": "+e.Message)
		}, func(c *hookCall) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, c.program.String())
			env := strings.Join(c.env, " ")
			if !strings.Contains(env, "VIPD_SERVICE_ADDRESS=192.0.2.10:80") || !strings.Contains(env, "VIPD_SINCE=") {
				t.Errorf("environment %s", env)
			}
		}, func(c notify.Change) {
			mu.Lock()
			defer mu.Unlock()
			mailed = append(mailed, fmt.Sprintf("%s %s is %s (%s)", c.Kind, c.Name, c.State, c.Reason))
		})
		defer a.leave(checkerStop{KeepTable: true})
		a.configure(&conf.Config{Services: []conf.Service{{
			Config: ipvs.Config{Name: "web", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.10:80")}},
			Alert: &conf.Alert{
				AlertPolicy: healthcheck.AlertPolicy{After: 10 * time.Second},
				Down:        []string{"/d", "{service}", "{service_address}:{service_port}", "{protocol}", "{address}:{port}", "{state}", "{reason}"},
				Up:          []string{"/u", "{state}"},
				Mail:        true,
			},
		}}})
		real := netip.MustParseAddrPort("10.0.0.1:8080")
		change := func(kind ipvs.ChangeKind, reason string) {
			a.changed(poolChange{Service: "web", Change: ipvs.Change{Kind: kind, Server: real}, Reason: reason})
		}
		change(ipvs.ServerDown, "tcp: connection refused")
		time.Sleep(9 * time.Second)
		synctest.Wait()
		mu.Lock()
		if len(said) != 0 {
			t.Errorf("said %q too early", said)
		}
		mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		change(ipvs.ServerUp, "tcp: connection accepted")
		a.changed(poolChange{Service: "other", Change: ipvs.Change{Kind: ipvs.QuorumLost}})
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{"/d web 192.0.2.10:80 tcp 10.0.0.1:8080 down tcp: connection refused", "/u up"}, ran); diff != "" {
			t.Errorf("ran (-want +got):\n%s", diff)
		}
		mails := []string{
			"real server 10.0.0.1:8080 of web is down (tcp: connection refused)",
			"real server 10.0.0.1:8080 of web is up (tcp: connection accepted)",
		}
		if diff := cmp.Diff(mails, mailed); diff != "" {
			t.Errorf("mailed (-want +got):\n%s", diff)
		}
		want := []string{
			"warn: real server 10.0.0.1:8080 of web is down: tcp: connection refused",
			"info: real server 10.0.0.1:8080 of web is up, 11s after it went down: tcp: connection accepted",
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("said (-want +got):\n%s", diff)
		}
	})
}

// TestKeepalivedPipeLines compares with what keepalived's documentation of
// notify_fifo shows.
func TestKeepalivedPipeLines(t *testing.T) {
	tcp := ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.168.201.15:80")}
	six := ipvs.ServiceKey{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("[2001:db8::1]:53")}
	real := netip.MustParseAddrPort("1.2.3.4:8080")
	tests := []struct {
		key    ipvs.ServiceKey
		change ipvs.Change
		want   string
	}{
		{tcp, ipvs.Change{Kind: ipvs.QuorumGained}, "VS [192.168.201.15]:tcp:80 UP\n"},
		{tcp, ipvs.Change{Kind: ipvs.ServerDown, Server: real}, "RS [1.2.3.4]:tcp:8080 [192.168.201.15]:tcp:80 DOWN\n"},
		{six, ipvs.Change{Kind: ipvs.QuorumLost}, "VS [2001:db8::1]:udp:53 DOWN\n"},
		{ipvs.ServiceKey{Mark: 7}, ipvs.Change{Kind: ipvs.QuorumLost}, "VS FWM 7 DOWN\n"},
	}
	for _, tt := range tests {
		if got := pipeLine(tt.key, poolChange{Service: "web", Change: tt.change}); got != tt.want {
			t.Errorf("line %q, want %q", got, tt.want)
		}
	}
}

func TestReasonOfAChange(t *testing.T) {
	c := checkedRole(t, func(k healthcheck.Key) healthcheck.Result {
		return healthcheck.Result{Class: healthcheck.ClassStatus, Reason: "HTTP status 503"}
	})
	if _, err := ask(t, c, api.CheckQuery{Service: "web"}); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	got := c.poolReason(c.pools.services[0], netip.MustParseAddrPort("10.0.0.1:80"))
	c.mu.Unlock()
	if got != "http: HTTP status 503" {
		t.Errorf("reason %q", got)
	}
}
