package conf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

func TestRules(t *testing.T) {
	type rules struct {
		PreemptDelay, StartDelay time.Duration
		DownAdverts              uint8
		NoAccept                 bool
	}
	for _, tt := range []struct {
		name, before, lines string
		want                rules
	}{
		{"default", "", "", rules{}},
		{"all", `global { startup_delay = "30s" }`, `
  preempt_delay = "5m"
  down_adverts = 5
  accept = false`, rules{5 * time.Minute, 30 * time.Second, 5, true}},
		{"the owner accepts", "", `
  priority = 255
  accept = false`, rules{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := instance(t, tt.before, tt.lines)
			if diff := cmp.Diff(tt.want, rules{c.PreemptDelay, c.StartDelay, c.DownAdverts, c.NoAccept}); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if tt.want.DownAdverts == 5 && c.MasterDown() != vrrp.MasterDownInterval(2, 100, time.Second)+2*time.Second {
				t.Errorf("master-down %v", c.MasterDown())
			}
		})
	}
}
