package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/daemon/link"
	"github.com/vipd/vipd/vrrp"
)

// watchObserver returns an observer and what it sends.
func watchObserver(t *testing.T) (*observer, chan api.Event, chan vrrp.RouterID) {
	t.Helper()
	c1, c2 := net.Pipe()
	near := link.New(c1, func(context.Context, string, json.RawMessage) (any, error) { return nil, nil })
	events, heard := supervise(t, near, c2)
	return newObserver(near), events, heard
}

// supervise is the other end of a role's link; it returns what the role sends.
func supervise(t *testing.T, near *link.Peer, end net.Conn) (chan api.Event, chan vrrp.RouterID) {
	t.Helper()
	events, heard := make(chan api.Event, 100), make(chan vrrp.RouterID, 100)
	far := link.New(end, func(_ context.Context, method string, body json.RawMessage) (any, error) {
		switch method {
		case noticeEvent:
			e, err := decode[api.Event](body)
			events <- e
			return nil, err
		case noticePeerHeard:
			id, err := decode[vrrp.RouterID](body)
			heard <- id
			return nil, err
		}
		return nil, nil
	})
	go near.Run(t.Context())
	go far.Run(t.Context())
	t.Cleanup(func() { near.Close(); far.Close() })
	return events, heard
}

// What the kernel refuses a router role is told to the supervisor: its log may be
// the only one there is.
func TestUnprotectedRouterSaysSo(t *testing.T) {
	c1, c2 := net.Pipe()
	r := newRouterRole(c1, Options{unprotected: errors.New("permission denied")})
	events, _ := supervise(t, r.peer, c2)
	if e := <-events; e.Level != "warn" || e.Kind != "role" || e.Message != "protect role router: permission denied" {
		t.Errorf("event %+v", e)
	}
}

func TestTransitionEvent(t *testing.T) {
	o, events, _ := watchObserver(t)
	o.Transition(vrrp.Transition{
		ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, Name: "web",
		From: vrrp.StateBackup, To: vrrp.StateMaster, Reason: vrrp.ReasonMasterDown,
	})
	e := <-events
	if e.Kind != "transition" || e.Message != "web: backup to master (master_down)" || e.Attrs["router"] != "eth0/ipv4/51" || e.Attrs["reason"] != "master_down" {
		t.Errorf("event %+v", e)
	}
}

func TestDropsAreLoggedOncePerKindAndInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, events, _ := watchObserver(t)
		drop := vrrp.Drop{Interface: "eth0", VRID: 51, Src: netip.MustParseAddr("192.0.2.9"), Reason: vrrp.DropChecksum, Alarm: true}
		for range 1000 {
			o.Drop(drop)
		}
		synctest.Wait()
		if n := len(events); n != 1 {
			t.Fatalf("%d log lines for 1000 equal drops, want 1", n)
		}
		if e := <-events; e.Level != "error" {
			t.Errorf("alarm has level %s, want error", e.Level)
		}
		drop.Reason = vrrp.DropTTL
		o.Drop(drop)
		if e := <-events; e.Attrs["reason"] != "ttl" {
			t.Errorf("another reason was not logged: %+v", e)
		}
		time.Sleep(dropLogEvery)
		drop.Reason = vrrp.DropChecksum
		o.Drop(drop)
		if e := <-events; e.Attrs["suppressed"] != 999.0 {
			t.Errorf("suppressed %v, want 999", e.Attrs["suppressed"])
		}
	})
}

func TestFirstPeerIsRemembered(t *testing.T) {
	o, events, heard := watchObserver(t)
	id := vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}
	o.Report(vrrp.Report{ID: id, Name: "web", Kind: vrrp.ReportPeerHeard})
	if got := <-heard; got != id {
		t.Errorf("remembered %v, want %v", got, id)
	}
	<-events
}
