package daemon

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/vipd/vipd/vrrp"
)

// TestNoConfigurationAfterTheEnd: a configuration that overtakes the stop, or
// comes with the end of the link, puts nothing on the host any more.
func TestNoConfigurationAfterTheEnd(t *testing.T) {
	conn, other := net.Pipe()
	defer other.Close()
	defer conn.Close()
	r := newRouterRole(conn, Options{RuntimeDir: t.TempDir(), Log: io.Discard})
	r.end()
	cfg := routerConfig{Routers: []vrrp.Config{{Name: "web"}}}
	if err := r.configure(t.Context(), cfg); !errors.Is(err, errEnding) {
		t.Errorf("configured: %v", err)
	}
	if n := len(r.configured().Routers); n != 0 {
		t.Errorf("%d routers are configured", n)
	}
}
