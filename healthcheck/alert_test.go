package healthcheck

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// story plays lines such as "5s down 1" (server 1 of the service goes down
// after 5 s) and returns what is told and when.
func story(t *testing.T, policy AlertPolicy, lines ...string) []string {
	t.Helper()
	a := &Alerter{}
	a.Configure(map[string]AlertPolicy{"web": policy})
	var told []string
	take := func(now time.Time) {
		for _, x := range a.Due(now) {
			line := fmt.Sprintf("%s %s %d", x.At.Sub(epoch), x.State, x.Server.Port())
			if x.Dropped > 0 {
				line += fmt.Sprintf(" after %d unsaid", x.Dropped)
			}
			told = append(told, line)
		}
	}
	until := func(end time.Time) {
		for {
			next, ok := a.Next()
			if !ok || next.After(end) {
				return
			}
			take(next)
		}
	}
	for _, line := range lines {
		f := strings.Fields(line)
		at, err := time.ParseDuration(f[0])
		if err != nil {
			t.Fatal(err)
		}
		now := epoch.Add(at)
		until(now)
		if len(f) > 1 {
			var port uint16
			fmt.Sscan(f[2], &port)
			a.Change(now, AlertID{"web", netip.AddrPortFrom(netip.IPv4Unspecified(), port)}, f[1] == "down", "reason")
			take(now)
		}
	}
	return told
}

func TestAlerts(t *testing.T) {
	tests := []struct {
		name   string
		policy AlertPolicy
		lines  []string
		want   []string
	}{
		{"down and up", AlertPolicy{}, []string{"1s down 1", "9s up 1", "1h"}, []string{"1s down 1", "9s up 1"}},
		{"up without down is no news", AlertPolicy{}, []string{"1s up 1"}, nil},
		{"down twice is one trouble", AlertPolicy{}, []string{"1s down 1", "2s down 1", "3s up 1"}, []string{"1s down 1", "3s up 1"}},
		{"short troubles are not told", AlertPolicy{After: 30 * time.Second}, []string{"1s down 1", "9s up 1", "1h"}, nil},
		{"long ones are, with their end", AlertPolicy{After: 30 * time.Second}, []string{"1s down 1", "40s up 1"}, []string{"31s down 1", "40s up 1"}},
		{"repeated", AlertPolicy{Every: 10 * time.Minute}, []string{"0s down 1", "25m up 1", "1h"},
			[]string{"0s down 1", "10m0s still_down 1", "20m0s still_down 1", "25m0s up 1"}},
		{"limited", AlertPolicy{PerHour: 2}, []string{"1s down 1", "2s down 2", "3s down 3", "4s down 4", "5s up 3", "61m down 5"},
			[]string{"1s down 1", "2s down 2", "1h1m0s down 5 after 2 unsaid"}},
		{"several at a time", AlertPolicy{After: time.Second}, []string{"0s down 2", "0s down 1", "5s"}, []string{"1s down 1", "1s down 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, story(t, tt.policy, tt.lines...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAlertsOfServicesWithoutAPolicy(t *testing.T) {
	a := &Alerter{}
	id := AlertID{Service: "web"}
	a.Change(epoch, id, true, "")
	if _, ok := a.Next(); ok {
		t.Error("an alert is due without a policy")
	}
	a.Configure(map[string]AlertPolicy{"web": {After: time.Minute}})
	a.Change(epoch, id, true, "")
	a.Configure(nil)
	if got := a.Due(epoch.Add(time.Hour)); got != nil {
		t.Errorf("alerts %+v of a service that left", got)
	}
	a.Configure(map[string]AlertPolicy{"web": {}})
	a.Change(epoch, id, true, "")
	if a.Configure(nil); len(a.budgets) > 0 {
		t.Errorf("%d services that left are remembered", len(a.budgets))
	}
}
