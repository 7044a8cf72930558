package ipvs_test

import (
	"testing"
	"time"

	"github.com/vipd/vipd/ipvs"
)

func TestOpString(t *testing.T) {
	key := ipvs.ServiceKey{Protocol: ipvs.UDP, Address: vip}
	svc := ipvs.Service{Key: key, Scheduler: "sh", Persistent: 6 * time.Minute, OnePacket: true}
	old := ipvs.Service{Key: key, Scheduler: "sh", SchedulerFlags: 0x18, Granularity: 24}
	dst := ipvs.Destination{Address: one, Weight: 0, Forward: ipvs.Tunnel}
	was := ipvs.Destination{
		Address: one, Weight: 3, Forward: ipvs.Masquerade, UpperThreshold: 9, LowerThreshold: 4,
		Tunnel: ipvs.TunnelSettings{Type: 1, Port: 6080, Flags: 1},
	}
	for _, tt := range []struct {
		op   ipvs.Op
		want string
	}{
		{ipvs.Op{Kind: ipvs.AddService, Service: svc},
			"add udp 192.0.2.9:80 (sh, persistent 6m0s, one-packet)"},
		{ipvs.Op{Kind: ipvs.EditService, Service: svc, OldService: old},
			"edit udp 192.0.2.9:80: persistence from 0s to 6m0s, one-packet from false to true, scheduler flags from 0x18 to 0x0, persistence granularity from 24 to 0"},
		{ipvs.Op{Kind: ipvs.AddDestination, Service: svc, Destination: dst},
			"add 192.0.2.1:80 to udp 192.0.2.9:80 (weight 0, tunnel)"},
		{ipvs.Op{Kind: ipvs.SetWeight, Service: svc, Destination: dst, OldDestination: was},
			"set weight 0 on 192.0.2.1:80 of udp 192.0.2.9:80 (was 3)"},
		{ipvs.Op{Kind: ipvs.EditDestination, Service: svc, Destination: dst, OldDestination: was},
			"edit 192.0.2.1:80 of udp 192.0.2.9:80: weight from 3 to 0, forwarding from masquerade to tunnel, upper threshold from 9 to 0, lower threshold from 4 to 0, tunnel type from gue to ipip, tunnel port from 6080 to 0, tunnel checksum from full to none"},
		{ipvs.Op{Kind: ipvs.RemoveDestination, Service: svc, Destination: dst},
			"remove 192.0.2.1:80 from udp 192.0.2.9:80"},
		{ipvs.Op{Kind: ipvs.RemoveService, Service: svc},
			"remove udp 192.0.2.9:80"},
	} {
		if got := tt.op.String(); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.op.Kind, got, tt.want)
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := ipvs.AddService; k <= ipvs.RemoveService; k++ {
		text, err := k.MarshalText()
		if err != nil || len(text) == 0 || seen[string(text)] {
			t.Errorf("kind %d is called %q, %v", k, text, err)
		}
		seen[string(text)] = true
	}
}
