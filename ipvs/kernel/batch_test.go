package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// oneService are the operations that make a table of one service.
func oneService(lines ...string) []ipvs.Op {
	return ipvs.Diff(nil, ipvstest.MustTable(append([]string{"tcp 192.0.2.9:80 rr"}, lines...)...), nil)
}

// A batch is one request, of which the last part only is acknowledged.
func TestBatchIsOneRequest(t *testing.T) {
	ops := oneService("192.0.2.1:80 1 direct", "192.0.2.2:80 1 direct")
	requests := 0
	nl := nltest.Dial(func(msgs []netlink.Message) ([]netlink.Message, error) {
		requests++
		for i, m := range msgs {
			if last := i == len(ops)-1; len(msgs) != len(ops) || m.Header.Flags&netlink.Acknowledge != 0 != last {
				t.Errorf("%d messages, flags of %d: %v", len(msgs), i, m.Header.Flags)
			}
		}
		return []netlink.Message{{Header: netlink.Header{Type: netlink.Error, Sequence: msgs[len(msgs)-1].Header.Sequence, PID: nltest.PID}, Data: make([]byte, 4)}}, nil
	})
	c := batchClient(nl)
	if err := c.Batch(ops); err != nil || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

func batchClient(nl *netlink.Conn) *Client {
	c := newClient(dialer(), time.Minute)
	c.dialRaw = func(time.Duration) (*raw, error) {
		return &raw{nl: nl, conn: genetlink.NewConn(nl), family: testFamily}, nil
	}
	return c
}

// After a refusal the connection holds answers that nobody wants.
func TestBatchRefused(t *testing.T) {
	nl := nltest.Dial(func(msgs []netlink.Message) ([]netlink.Message, error) {
		code := make([]byte, 4)
		binary.NativeEndian.PutUint32(code, ^uint32(unix.EINVAL)+1)
		return []netlink.Message{{Header: netlink.Header{Type: netlink.Error, Sequence: msgs[0].Header.Sequence, PID: nltest.PID}, Data: code}}, nil
	})
	c := batchClient(nl)
	if err := c.Batch(oneService("192.0.2.1:80 1 direct")); err == nil || !strings.Contains(err.Error(), "invalid argument") {
		t.Errorf("error %v", err)
	}
	if c.raw != nil {
		t.Error("the connection is used again")
	}
}

// What cannot be written down is not sent.
func TestBatchOfWhatCannotBe(t *testing.T) {
	c := batchClient(nltest.Dial(func([]netlink.Message) ([]netlink.Message, error) {
		t.Error("sent")
		return nil, nil
	}))
	if err := c.Batch(oneService("[2001:db8::1]:80 1 direct")); !errors.Is(err, errFamilies) {
		t.Errorf("error %v", err)
	}
}

// testRefusals: what the kernel refuses names the object and the cause, and
// keeps nothing else from the table, however many operations there are.
func testRefusals(t *testing.T, d *director) {
	var lines []string
	for i := range 3 * BatchSize {
		lines = append(lines, fmt.Sprintf("udp 192.0.2.9:%d rr", 1000+i), "192.0.2.1:53 1 masquerade")
	}
	want := ipvstest.MustTable(append(lines, "tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 tunnel", "192.0.2.2:80 1 direct")...)
	gue := &want.Find(ipvstest.MustKey("tcp 192.0.2.9:80")).Destinations[0]
	gue.Tunnel.Type = ipvs.GUE // without a port: EINVAL
	_, err := d.rec.Reconcile(want)
	var refused *OpError
	if !errors.As(err, &refused) || !errors.Is(err, unix.EINVAL) ||
		!strings.Contains(err.Error(), "add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 1, tunnel): the kernel does not accept these attributes") {
		t.Errorf("error %v", err)
	}
	have, err := d.client.Table()
	if err != nil || len(have) != len(want) || len(have.Find(ipvstest.MustKey("tcp 192.0.2.9:80")).Destinations) != 1 {
		t.Errorf("%d of %d services, %v", len(have), len(want), err)
	}
	gue.Tunnel.Port = 6080
	d.expectOps(d.reconcile(want), "add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 1, tunnel)")
}
