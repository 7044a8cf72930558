package kernel

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

func TestApply(t *testing.T) {
	svc := ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip}, Scheduler: "wlc"}
	dst := ipvs.Destination{Address: one, Weight: 1, Forward: ipvs.Direct}
	for name, tt := range map[string]struct {
		kind  ipvs.Kind
		fail  map[string]error
		calls []string
		is    error  // nil = success
		text  string // of the error
	}{
		"add service":        {kind: ipvs.AddService, calls: []string{"create wlc"}},
		"edit service":       {kind: ipvs.EditService, calls: []string{"update wlc"}},
		"remove service":     {kind: ipvs.RemoveService, calls: []string{"remove wlc"}},
		"add destination":    {kind: ipvs.AddDestination, calls: []string{"create 192.0.2.1"}},
		"set weight":         {kind: ipvs.SetWeight, calls: []string{"update 192.0.2.1"}},
		"edit destination":   {kind: ipvs.EditDestination, calls: []string{"update 192.0.2.1"}},
		"remove destination": {kind: ipvs.RemoveDestination, calls: []string{"remove 192.0.2.1"}},

		"added service exists": {kind: ipvs.AddService, fail: map[string]error{"create wlc": errno(unix.EEXIST)},
			calls: []string{"create wlc", "update wlc"}},
		"added destination exists": {kind: ipvs.AddDestination, fail: map[string]error{"create 192.0.2.1": errno(unix.EEXIST)},
			calls: []string{"create 192.0.2.1", "update 192.0.2.1"}},
		"removed service is gone": {kind: ipvs.RemoveService, fail: map[string]error{"remove wlc": errno(unix.ESRCH)},
			calls: []string{"remove wlc"}},
		"removed destination is gone": {kind: ipvs.RemoveDestination, fail: map[string]error{"remove 192.0.2.1": errno(unix.ENOENT)},
			calls: []string{"remove 192.0.2.1"}},
		"removed destination's service is gone": {kind: ipvs.RemoveDestination, fail: map[string]error{"remove 192.0.2.1": errno(unix.ESRCH)},
			calls: []string{"remove 192.0.2.1"}},

		"no scheduler": {kind: ipvs.AddService, fail: map[string]error{"create wlc": errno(unix.ENOENT)},
			calls: []string{"create wlc"}, is: unix.ENOENT, text: `kernel has no scheduler "wlc": modprobe ip_vs_wlc`},
		"no scheduler to change to": {kind: ipvs.EditService, fail: map[string]error{"update wlc": errno(unix.ENOENT)},
			calls: []string{"update wlc"}, is: unix.ENOENT, text: "modprobe ip_vs_wlc"},
		"edited service is gone": {kind: ipvs.EditService, fail: map[string]error{"update wlc": errno(unix.ESRCH)},
			calls: []string{"update wlc"}, is: unix.ESRCH, text: "no such virtual service"},
		"edited destination is gone": {kind: ipvs.SetWeight, fail: map[string]error{"update 192.0.2.1": errno(unix.ENOENT)},
			calls: []string{"update 192.0.2.1"}, is: unix.ENOENT, text: "set weight 1 on 192.0.2.1:80"},
		"not allowed": {kind: ipvs.AddService, fail: map[string]error{"create wlc": errno(unix.EPERM)},
			calls: []string{"create wlc"}, is: unix.EPERM, text: "CAP_NET_ADMIN"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := newConn()
			conn.fail = tt.fail
			op := ipvs.Op{Kind: tt.kind, Service: svc, Destination: dst}
			err := newClient(dialer(conn), time.Minute).Apply(op)
			if d := cmp.Diff(tt.calls, conn.calls); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if tt.is == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *OpError
			if !errors.Is(err, tt.is) || !errors.As(err, &refused) || refused.Op != op || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v with %q", err, tt.is, tt.text)
			}
		})
	}
}

// What the kernel would misunderstand does not reach it.
func TestApplyRejects(t *testing.T) {
	six := netip.MustParseAddrPort("[2001:db8::1]:80")
	good := ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip}, Scheduler: "rr"}
	for name, op := range map[string]ipvs.Op{
		"service without address":     {Kind: ipvs.AddService, Service: ipvs.Service{Scheduler: "rr"}},
		"mask without prefix length":  {Kind: ipvs.AddService, Service: ipvs.Service{Key: good.Key, Granularity: -1}},
		"mask that is too long":       {Kind: ipvs.AddService, Service: ipvs.Service{Key: good.Key, Granularity: 33}},
		"destination without address": {Kind: ipvs.AddDestination, Service: good},
		"mixed families, direct":      {Kind: ipvs.AddDestination, Service: good, Destination: ipvs.Destination{Address: six, Forward: ipvs.Direct}},
		"negative weight":             {Kind: ipvs.AddDestination, Service: good, Destination: ipvs.Destination{Address: one, Weight: -1}},
		"weight above 65535":          {Kind: ipvs.AddDestination, Service: good, Destination: ipvs.Destination{Address: one, Weight: 65536}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := newConn()
			if err := newClient(dialer(conn), time.Minute).Apply(op); err == nil || len(conn.calls) > 0 {
				t.Errorf("error %v, calls %q", err, conn.calls)
			}
		})
	}
}

func TestApplyMixedFamiliesTunnel(t *testing.T) {
	conn := newConn()
	op := ipvs.Op{
		Kind:        ipvs.AddDestination,
		Service:     ipvs.Service{Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: vip}, Scheduler: "rr"},
		Destination: ipvs.Destination{Address: netip.MustParseAddrPort("[2001:db8::1]:80"), Forward: ipvs.Tunnel},
	}
	if err := newClient(dialer(conn), time.Minute).Apply(op); err != nil || len(conn.calls) != 1 {
		t.Errorf("error %v, calls %q", err, conn.calls)
	}
}
