package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/ipvs"
)

// lastOfAll is the fallback.
var lastOfAll = netip.MustParseAddrPort("192.0.2.14:80")

// mailedShop is a configuration whose one virtual server mails as ldirectord
// does.
func mailedShop(quiescent bool, during []conf.Phase, reals ...netip.AddrPort) *conf.Config {
	s := conf.Service{
		Config: ipvs.Config{
			Name: "shop", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.100:80")}, Quiescent: quiescent, Alpha: true,
			Fallback: &ipvs.RealServer{Address: lastOfAll, Weight: 1},
		},
		Alert: &conf.Alert{Mail: true, MailDuring: during, MailTo: []string{"shop@example.com"}},
	}
	for i, r := range reals {
		s.RealServers = append(s.RealServers, ipvs.RealServer{Address: r, Weight: i + 1})
	}
	cfg := &conf.Config{Services: []conf.Service{s}}
	cfg.Global.Mail = &conf.Mail{Style: conf.MailLdirectord}
	return cfg
}

// TestLdirectordMails: the subjects, and what ldirectord is doing then.
func TestLdirectordMails(t *testing.T) {
	all := []conf.Phase{conf.Starting, conf.Running, conf.Stopping, conf.Reloading}
	for _, tt := range []struct {
		name      string
		quiescent bool
		during    []conf.Phase
		want      []string
	}{
		{"removed", false, all, []string{
			"starting: Added real server: 192.0.2.1:80 (192.0.2.100:80) (Weight set to 1)",
			"starting: Deleted real server: 192.0.2.2:80 (192.0.2.100:80)",
			"running: Deleted real server: 192.0.2.1:80 (192.0.2.100:80)",
			"running: Added fallback server: 192.0.2.14:80 (192.0.2.100:80) (Weight set to 1)",
			"running: Added real server: 192.0.2.2:80 (192.0.2.100:80) (Weight set to 2)",
			"running: Deleted fallback server: 192.0.2.14:80 (192.0.2.100:80)",
			"reloading: Purged real server (start): 192.0.2.1:80 (192.0.2.100:80)",
			"stopping: Purged real server (stop): 192.0.2.2:80 (192.0.2.100:80)",
		}},
		{"quiescent", true, all, []string{
			"starting: Restored real server: 192.0.2.1:80 (192.0.2.100:80) (Weight set to 1)",
			"starting: Quiescent real server: 192.0.2.2:80 (192.0.2.100:80) (Weight set to 0)",
			"running: Quiescent real server: 192.0.2.1:80 (192.0.2.100:80) (Weight set to 0)",
			"running: Added fallback server: 192.0.2.14:80 (192.0.2.100:80) (Weight set to 1)",
			"running: Restored real server: 192.0.2.2:80 (192.0.2.100:80) (Weight set to 2)",
			"running: Deleted fallback server: 192.0.2.14:80 (192.0.2.100:80)",
			"reloading: Purged real server (start): 192.0.2.1:80 (192.0.2.100:80)",
			"stopping: Purged real server (stop): 192.0.2.2:80 (192.0.2.100:80)",
		}},
		{"running", false, all[1:2], []string{
			"running: Deleted real server: 192.0.2.1:80 (192.0.2.100:80)",
			"running: Added fallback server: 192.0.2.14:80 (192.0.2.100:80) (Weight set to 1)",
			"running: Added real server: 192.0.2.2:80 (192.0.2.100:80) (Weight set to 2)",
			"running: Deleted fallback server: 192.0.2.14:80 (192.0.2.100:80)",
		}},
		{"any time, without those that are up at first", false, nil, []string{
			"starting: Deleted real server: 192.0.2.2:80 (192.0.2.100:80)",
			"running: Deleted real server: 192.0.2.1:80 (192.0.2.100:80)",
			"running: Added fallback server: 192.0.2.14:80 (192.0.2.100:80) (Weight set to 1)",
			"running: Added real server: 192.0.2.2:80 (192.0.2.100:80) (Weight set to 2)",
			"running: Deleted fallback server: 192.0.2.14:80 (192.0.2.100:80)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			a := newAlerts(func(api.Event) {}, func(*hookCall) {}, func(c notify.Change) {
				got = append(got, fmt.Sprintf("%s: %s", c.Phase, c.Subject))
				if strings.Join(c.To, " ") != "shop@example.com" {
					t.Errorf("to %q", c.To)
				}
			})
			a.configure(mailedShop(tt.quiescent, tt.during, realOne, realTwo))
			for _, c := range []ipvs.Change{
				{Kind: ipvs.ServerUp, Server: realOne}, {Kind: ipvs.QuorumGained},
				{Kind: ipvs.ServerDown, Server: realTwo},
				{Kind: ipvs.ServerDown, Server: realOne}, {Kind: ipvs.QuorumLost},
				{Kind: ipvs.ServerUp, Server: realTwo}, {Kind: ipvs.QuorumGained},
			} {
				a.changed(poolChange{Service: "shop", Change: c})
			}
			now := mailedShop(tt.quiescent, tt.during, realTwo)
			now.Services[0].RealServers[0].Weight = 2
			a.configure(now)
			a.leave(checkerStop{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mails (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLdirectordRepeats: while a server stays down.
func TestLdirectordRepeats(t *testing.T) {
	s := mailedShop(true, nil, realOne).Services[0]
	got, _ := ldirectordWords(s, alertFor(realOne, "still_down"))
	if want := "Inaccessible real server: 192.0.2.1:80 (192.0.2.100:80)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, state := range []string{"down", "up", "still_down"} {
		s.Fallback = nil
		if got, _ := ldirectordWords(s, alertFor(netip.AddrPort{}, state)); got != "" {
			t.Errorf("a virtual server without a fallback is %s: %q", state, got)
		}
	}
	s.Key = ipvs.ServiceKey{Mark: 7}
	if got, _ := ldirectordWords(s, alertFor(realOne, "down")); got != "Quiescent real server: 192.0.2.1:80 (7) (Weight set to 0)" {
		t.Errorf("%q", got)
	}
}

func alertFor(server netip.AddrPort, state string) healthcheck.Alert {
	return healthcheck.Alert{AlertID: healthcheck.AlertID{Service: "shop", Server: server}, State: healthcheck.AlertState(state)}
}

// TestKeptTableIsNotMailed: a virtual server that stays has lost nobody.
func TestKeptTableIsNotMailed(t *testing.T) {
	var got []string
	a := newAlerts(func(api.Event) {}, func(*hookCall) {}, func(c notify.Change) { got = append(got, c.Subject) })
	a.configure(mailedShop(false, []conf.Phase{conf.Stopping}, realOne))
	a.changed(poolChange{Service: "shop", Change: ipvs.Change{Kind: ipvs.ServerUp, Server: realOne}})
	a.leave(checkerStop{KeepTable: true})
	if len(got) > 0 {
		t.Errorf("mails %q", got)
	}
}
