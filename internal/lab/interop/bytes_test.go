package interop

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// One host runs keepalived and then vipd with the same settings: as masters
// they put the same frames on the wire, octet for octet, adverts and
// announcements.
func TestKeepalived_FramesByteIdentical(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	for _, c := range []cell{
		pairing(peerKeepalived, 2, 4, "multicast", "none"),
		pairing(peerKeepalived, 2, 4, "multicast", "PASS"),
		pairing(peerKeepalived, 2, 4, "multicast", "AH"),
		pairing(peerKeepalived, 3, 4, "multicast", "none"),
		pairing(peerKeepalived, 3, 4, "unicast", "none"),
		pairing(peerKeepalived, 3, 6, "multicast", "none"),
		pairing(peerKeepalived, 3, 4, vmac, "none"),
		pairing(peerKeepalived, 3, 6, vmac, "none"),
	} {
		t.Run(strings.ReplaceAll(c.String(), " ", "_"), func(t *testing.T) {
			t.Parallel()
			theirs, ours := c.framesOf(t)
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("(-keepalived +vipd):\n%s", diff)
			}
		})
	}
}

// framesOf returns the kinds of frames that each daemon sends as master of the
// same virtual router on the same host.
func (c cell) framesOf(t *testing.T) (theirs, ours []string) {
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	h := l.Host("vipd", "lan", "192.0.2.1/24")
	if c.family == 6 {
		h.AddAddress("eth0", "2001:db8::1/64")
		h.AddAddress("eth0", "2001:db8::2/64") // the peer's, which both sides name
	} else {
		l.Host("peer", "lan", "192.0.2.2/24")
	}
	const priority = 100
	peerConf := c.keepalived(priority)
	peerConf = strings.NewReplacer("unicast_src_ip 192.0.2.2", "unicast_src_ip 192.0.2.1", "    192.0.2.1\n  }", "    192.0.2.2\n  }").Replace(peerConf)
	record := func(what string) []string {
		heard, stop, err := listen(h)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		var kinds []string
		lab.WaitFor(t, what+" has adverted and announced", settle, func() error {
			heard.mu.Lock()
			defer heard.mu.Unlock()
			kinds = nil
			for _, f := range heard.frames {
				if kind := sameForAll(f); kind != "" && !slices.Contains(kinds, kind) {
					kinds = append(kinds, kind)
				}
			}
			if len(kinds) < 1+c.announced() {
				return fmt.Errorf("%d kinds of frames", len(kinds))
			}
			return nil
		})
		slices.Sort(kinds)
		return kinds
	}
	k := h.Keepalived(peerConf)
	theirs = record("keepalived")
	k.Kill()
	virtual, _, _ := c.addresses()
	if c.virtual() {
		if out, err := h.Run("ip", "link", "del", fmt.Sprintf("vrrp.%d", vrid)); err != nil {
			t.Errorf("remove the interface of keepalived: %v: %s", err, out)
		}
	}
	for _, v := range virtual {
		if out, err := h.Run("ip", "address", "del", v, "dev", "eth0"); err != nil && !strings.Contains(out, "Cannot assign") {
			// keepalived adds host addresses where no prefix length is configured
			t.Logf("remove %s: %s", v, out)
		}
	}
	h.Vipd(c.vipd(priority))
	return theirs, record("vipd")
}

// announced is how many kinds of announcements there are: one per address.
func (c cell) announced() int {
	virtual, _, _ := c.addresses()
	return len(virtual)
}

// sameForAll returns a frame of a virtual router in hexadecimal, without what
// the kernel numbers or labels as it likes, and without the number of an
// authentication header and what is computed of it; "" for other frames.
func sameForAll(frame []byte) string {
	const identification, headerSum, flowLabel = ethernet + 4, ethernet + 10, ethernet + 1
	if _, ok := advertIn(frame); !ok && !announcement(frame) {
		return ""
	}
	b := bytes.Clone(frame)
	switch uint16(b[12])<<8 | uint16(b[13]) {
	case unix.ETH_P_IP:
		copy(b[identification:], []byte{0, 0})
		copy(b[headerSum:], []byte{0, 0})
		if b[ethernet+9] == unix.IPPROTO_AH {
			clear(b[ethernet+20+8:][:4+12])
		}
	case unix.ETH_P_IPV6:
		b[flowLabel] &= 0xf0
		copy(b[flowLabel+1:], []byte{0, 0})
	}
	return hex.EncodeToString(b)
}

const ethernet = 14 // octets of its header

// announcement reports whether a frame is a gratuitous ARP or an unsolicited
// neighbour advertisement.
func announcement(b []byte) bool {
	switch {
	case len(b) >= 42 && b[12] == 8 && b[13] == 6:
		return bytes.Equal(b[28:32], b[38:42])
	case len(b) >= 78 && b[12] == 0x86 && b[13] == 0xdd:
		const solicited = 0x40
		return b[20] == unix.IPPROTO_ICMPV6 && b[54] == 136 && b[58]&solicited == 0
	}
	return false
}
