package system

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// Keys of signed adverts, which nothing may print.
const (
	signingKey = "hunter24hunter24hunter24hunter24"
	newerKey   = "hunter25hunter25hunter25hunter25"
)

// trailerLen is how many octets a signature adds to an advert.
const trailerLen = 28

// Signed adverts come to a running pair one director after the other, and so does
// another key, without a transition; then a forged advert and a repeated one
// impress nobody, and no key was written anywhere.
func TestSignedAdvertsAreBroughtIn(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	p.state(v2, vrrp.StateBackup)
	before, beside := p.instance(v1), p.instance(v2)
	attacker := p.net.Host("attacker", "lan", "192.0.2.66/24")
	signed := func(mode string, active int) string {
		return config(fmt.Sprintf(`auth "hmac" {
    mode       = %q
    active_key = %d
    key "1" { secret = %q }
    key "2" { secret = %q }
  }`, mode, active, signingKey, newerKey))
	}
	var advert []byte
	for _, step := range []struct {
		hcl   string
		extra int
	}{
		{signed("receive-only", 1), 0}, {signed("permissive", 1), trailerLen}, {signed("enforce", 1), trailerLen}, {signed("enforce", 2), trailerLen},
	} {
		for _, v := range []*lab.Vipd{v2, v1} {
			p.reload(v, step.hcl, true)
			time.Sleep(4 * interval) // longer than a backup waits for a master it cannot hear
		}
		if err := p.owners.Only(p.lb1); err != nil {
			t.Error(err)
		}
		p.unmoved(v1, before)
		p.unmoved(v2, beside)
		if advert = nextAdvert(t, packetsOf(t, attacker, unix.ETH_P_IP)); len(advert) != 20+12+step.extra {
			t.Errorf("an advert has %d octets, want %d more than one without a signature", len(advert), step.extra)
		}
	}

	wire, src := packetsOf(t, attacker, unix.ETH_P_IP), netip.MustParseAddr("192.0.2.66")
	path := vrrp.Path{Family: vrrp.IPv4, Src: src, Dst: vrrp.GroupIPv4}
	forged := vrrp.Encode(nil, &vrrp.Advert{
		Version: 3, VRID: 51, Priority: 254, Interval: interval, List: vrrp.AppendList(nil, []netip.Prefix{netip.MustParsePrefix(vip + "/24")}),
	}, path, vrrp.ChecksumPseudo)
	for _, b := range [][]byte{ipv4Packet(path, 255, 112, forged), ipv4Packet(path, 255, 112, append(forged, advert[20+12:]...)), advert} {
		if _, err := wire.WriteTo(b, &packet.Addr{HardwareAddr: groupMAC}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []*lab.Vipd{v1, v2} {
		lab.WaitFor(t, v.Host.Name+" has rejected all", settle, func() error {
			// What the master itself sent comes back to it from its own address.
			dropped := p.instance(v).Counters.Dropped
			if dropped[vrrp.DropAuthMissing] != 1 || dropped[vrrp.DropAuthFailed] != 1 || v == v2 && dropped[vrrp.DropReplay] != 1 {
				return fmt.Errorf("%v", dropped)
			}
			return nil
		})
		status, err := v.Get("/v1/status")
		if text := v.Log() + string(status); err != nil || strings.Contains(text, "hunter2") {
			t.Errorf("%v, a key is shown:\n%s", err, text)
		}
	}
	p.unmoved(v1, before)
	p.unmoved(v2, beside)
}

// nextAdvert is the next VRRP packet over IPv4 on the wire.
func nextAdvert(t *testing.T, wire *packet.Conn) []byte {
	t.Helper()
	if err := wire.SetReadDeadline(time.Now().Add(settle)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 2048); ; {
		n, _, err := wire.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n >= 20 && buf[9] == 112 {
			return bytes.Clone(buf[:n])
		}
	}
}
