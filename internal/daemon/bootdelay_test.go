package daemon

import (
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// TestDelayAfterBoot: the longer one of the two delays counts, and a machine that
// has been up for long does not delay at all.
func TestDelayAfterBoot(t *testing.T) {
	for _, tt := range []struct{ start, boot, age, want time.Duration }{
		{0, 0, time.Hour, 0}, {0, time.Minute, time.Hour, 0}, {0, time.Minute, 20 * time.Second, 40 * time.Second},
		{50 * time.Second, time.Minute, 20 * time.Second, 50 * time.Second}, {5 * time.Second, time.Minute, 20 * time.Second, 40 * time.Second},
	} {
		routers := []vrrp.Config{{StartDelay: tt.start}}
		delayAfterBoot(routers, tt.boot-tt.age)
		if got := routers[0].StartDelay; got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
