package daemon

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// TestStopAsksForItsTime: the service manager hears how long a stop may take, which
// with very many addresses is more than it gives by itself.
func TestStopAsksForItsTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	router := vrrp.Config{Version: 3, AdvertInterval: time.Second, HandOver: vrrp.HandOverGraceful}
	for range 10_000 {
		router.Excluded = append(router.Excluded, netip.PrefixFrom(realOne.Addr(), 32))
	}
	s := &supervisor{cfg: &conf.Config{Routers: []vrrp.Config{router}, Global: conf.Global{
		Scripts: conf.Scripts{Timeout: time.Minute}, Shutdown: conf.Hook{Command: []string{"true"}, Timeout: 4 * time.Second},
	}}}
	s.router, s.checker = &child{handOver: s.handOverBound}, &child{handOver: s.removalBound}
	notifyStopping(s.stopBoundOfAll())
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	n, err := manager.Read(buf)
	// 10 s of hand-over, 22 s for the addresses and as much for another try, 2 s for
	// an empty table, 4 s for the program, four times 0.9 s to end, 1 s for a role
	// that is killed and 1 s for the log.
	if want := "STOPPING=1\nEXTEND_TIMEOUT_USEC=65600000"; err != nil || string(buf[:n]) != want {
		t.Errorf("it hears %q, %v; want %q", buf[:n], err, want)
	}
	s.cfg.Services = []conf.Service{webService(func(s *conf.Service) { s.OnQuorumDown.Args = []string{"true"} })}
	if got := s.stopBoundOfAll(); got < 90*time.Second {
		t.Errorf("with a program of a virtual server %v", got)
	}
}
