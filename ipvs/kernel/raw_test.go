package kernel

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

const testFamily = 31

// rawClient returns a client whose raw connection is answered by fn.
func rawClient(fn genltest.Func) *Client {
	c := newClient(dialer(), time.Minute)
	c.dialRaw = func(time.Duration) (*raw, error) { // scripted connections know no deadline
		return &raw{conn: genltest.Dial(fn), family: testFamily}, nil
	}
	return c
}

// daemonMessage is the kernel's answer about one daemon, field by field.
func daemonMessage(t *testing.T, d ipvs.SyncDaemon) genetlink.Message {
	t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.Nested(attrDaemon, func(n *netlink.AttributeEncoder) error {
		n.Uint32(syncState, uint32(d.State))
		n.String(syncInterface, d.Interface)
		n.Uint32(syncID, uint32(d.ID))
		n.Uint16(syncMaxLen, d.MaxLen)
		if d.Group.Is4() {
			n.Bytes(syncGroup, d.Group.AsSlice())
		} else {
			n.Bytes(syncGroup6, d.Group.AsSlice())
		}
		n.Uint16(syncPort, d.Port)
		n.Uint8(syncTTL, d.TTL)
		return nil
	})
	data, err := ae.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return genetlink.Message{Data: data}
}

func TestSyncDaemons(t *testing.T) {
	want := []ipvs.SyncDaemon{
		{State: ipvs.SyncMaster, SyncSettings: ipvs.SyncSettings{Interface: "eth1", ID: 51, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1, MaxLen: 1460}},
		{State: ipvs.SyncBackup, SyncSettings: ipvs.SyncSettings{Interface: "eth2", ID: 0, Group: netip.MustParseAddr("ff02::81"), Port: 9000, TTL: 3, MaxLen: 500}},
	}
	c := rawClient(genltest.CheckRequest(testFamily, cmdGetDaemon, netlink.Request|netlink.Dump,
		func(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
			return []genetlink.Message{daemonMessage(t, want[0]), daemonMessage(t, want[1])}, nil
		}))
	got, err := c.SyncDaemons()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the kernel answers to a start decides less than what then runs: it
// forgets to answer when a daemon goes as it comes.
func TestStartAndStopSyncReadBack(t *testing.T) {
	wanted := ipvs.SyncDaemon{State: ipvs.SyncBackup, SyncSettings: ipvs.SyncSettings{Interface: "eth1", ID: 51}}
	running := wanted
	running.Port, running.Group = 8848, netip.MustParseAddr("224.0.0.81")
	other := running
	other.ID = 7
	for name, tt := range map[string]struct {
		answer  error
		runs    []ipvs.SyncDaemon
		start   error
		stop    bool // fails
		stopErr error
	}{
		"answered":                 {runs: []ipvs.SyncDaemon{running}},
		"no answer, but it runs":   {answer: os.ErrDeadlineExceeded, runs: []ipvs.SyncDaemon{running}, stop: true},
		"no answer, nothing runs":  {answer: os.ErrDeadlineExceeded, start: os.ErrDeadlineExceeded},
		"exists as wanted":         {answer: genltest.Error(int(unix.EEXIST)), runs: []ipvs.SyncDaemon{running}, stop: true},
		"exists, another one":      {answer: genltest.Error(int(unix.EEXIST)), runs: []ipvs.SyncDaemon{other}, start: unix.EEXIST, stop: true},
		"interface does not exist": {answer: genltest.Error(int(unix.ENODEV)), start: unix.ENODEV},
	} {
		c := rawClient(func(g genetlink.Message, _ netlink.Message) ([]genetlink.Message, error) {
			switch g.Header.Command {
			case cmdNewDaemon, cmdDelDaemon:
				return []genetlink.Message{{}}, tt.answer
			case 0: // the rest of an empty list
				return nil, io.EOF
			}
			var out []genetlink.Message
			for _, d := range tt.runs {
				out = append(out, daemonMessage(t, d))
			}
			return out, nil
		})
		if err := c.StartSync(wanted); !errors.Is(err, tt.start) || (err == nil) != (tt.start == nil) {
			t.Errorf("%s: start: %v, want %v", name, err, tt.start)
		}
		if err := c.StopSync(ipvs.SyncBackup); (err != nil) != tt.stop {
			t.Errorf("%s: stop: %v", name, err)
		}
	}
	gone := rawClient(func(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
		return nil, genltest.Error(int(unix.ESRCH))
	})
	if err := gone.StopSync(ipvs.SyncMaster); err != nil {
		t.Errorf("stop of one that does not run: %v", err)
	}
}

// A service with a persistence engine goes out with it, and comes back.
func TestEngine(t *testing.T) {
	for _, key := range []ipvs.ServiceKey{
		{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("192.0.2.9:5060")},
		{Protocol: ipvs.UDP, Address: netip.MustParseAddrPort("[2001:db8::9]:5060")},
		ipvs.MarkKey(7, ipvs.IPv4), ipvs.MarkKey(7, ipvs.IPv6),
	} {
		s := ipvs.Service{Key: key, Scheduler: "rr", Persistent: time.Minute, Engine: "sip", OnePacket: true}
		var sent []byte
		c := rawClient(func(g genetlink.Message, nm netlink.Message) ([]genetlink.Message, error) {
			if g.Header.Command == cmdGetService {
				return []genetlink.Message{{Data: sent}}, nil
			}
			if g.Header.Command != cmdNewService || nm.Header.Flags != netlink.Request|netlink.Acknowledge {
				t.Errorf("command %d, flags %v", g.Header.Command, nm.Header.Flags)
			}
			sent = g.Data
			return []genetlink.Message{{}}, nil
		})
		if err := c.Apply(ipvs.Op{Kind: ipvs.AddService, Service: s}); err != nil {
			t.Fatal(err)
		}
		got, err := rawRequest(c, (*raw).engines)
		if err != nil || len(got) != 1 || got[key] != "sip" {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
}
