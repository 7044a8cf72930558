package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
	checks "github.com/vipd/vipd/healthcheck/runner"
)

func TestResultLine(t *testing.T) {
	at := time.Date(2026, 3, 7, 8, 9, 10, 0, time.Local)
	key := healthcheck.Key{Target: netip.MustParseAddrPort("192.0.2.21:80"), Settings: healthcheck.Settings{Kind: healthcheck.KindHTTP}}
	for _, tt := range []struct {
		class       healthcheck.Class
		reason      string
		maintenance bool
		want        string
	}{
		{healthcheck.ClassOK, "", false, "[Sat Mar  7 08:09:10 2026] [7] http 192.0.2.21 80 [up] -\n"},
		{healthcheck.ClassTimeout, "50% | no\r\nanswer", false, "[Sat Mar  7 08:09:10 2026] [7] http 192.0.2.21 80 [down] 50%25 %7c no%0d%0aanswer\n"},
		{healthcheck.ClassOK, "fine", true, "[Sat Mar  7 08:09:10 2026] [7] http 192.0.2.21 80 [down] Server in maintenance\n"},
	} {
		u := checks.Update{Key: key, Last: healthcheck.Result{At: at, Class: tt.class, Reason: tt.reason}}
		if got := resultLine(u, 7, tt.maintenance); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}
