package daemon

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestProbeSource(t *testing.T) {
	addr := netip.MustParseAddr
	for name, tt := range map[string]struct {
		chosen  string // by the kernel
		has     []string
		target  string
		fail    error
		want    string // empty = the kernel's choice
		virtual []netip.Addr
	}{
		"own address":                {chosen: "192.0.2.1", has: []string{"192.0.2.1/24"}, target: "192.0.2.11"},
		"virtual address":            {chosen: "192.0.2.100", has: []string{"192.0.2.100/24", "192.0.2.1/24"}, target: "192.0.2.11", want: "192.0.2.1"},
		"the one in the network":     {chosen: "192.0.2.100", has: []string{"10.0.0.1/8", "192.0.2.1/24"}, target: "192.0.2.11", want: "192.0.2.1"},
		"through a gateway":          {chosen: "192.0.2.100", has: []string{"192.0.2.1/24"}, target: "203.0.113.1", want: "192.0.2.1"},
		"no other address":           {chosen: "192.0.2.100", has: []string{"192.0.2.100/24"}, target: "192.0.2.11"},
		"IPv6, not the link's own":   {chosen: "2001:db8::100", has: []string{"fe80::1/64", "2001:db8::1/64"}, target: "2001:db8::11", want: "2001:db8::1"},
		"another family":             {chosen: "192.0.2.100", has: []string{"2001:db8::1/64"}, target: "192.0.2.11"},
		"no route":                   {fail: errors.New("unreachable"), target: "192.0.2.11"},
		"the director as its server": {chosen: "192.0.2.100", has: []string{"192.0.2.1/24"}, target: "192.0.2.100"},
		"loopback":                   {chosen: "192.0.2.100", has: []string{"192.0.2.1/24"}, target: "127.0.0.1"},
	} {
		p := newProbeSource()
		p.configure([]netip.Addr{addr("192.0.2.100"), addr("2001:db8::100")})
		asked := 0
		p.leaves = func(netip.Addr) (netip.Addr, error) {
			asked++
			a, _ := netip.ParseAddr(tt.chosen)
			return a, tt.fail
		}
		p.route = func(netip.Addr) (netip.Addr, int, error) {
			if tt.fail != nil {
				return netip.Addr{}, 0, tt.fail
			}
			return addr(tt.chosen), 3, nil
		}
		p.addresses = func(link int) (out []netip.Prefix, err error) {
			for _, a := range tt.has {
				out = append(out, netip.MustParsePrefix(a))
			}
			return out, nil
		}
		var want netip.Addr
		if tt.want != "" {
			want = addr(tt.want)
		}
		now := time.Now()
		for range 3 {
			if got := p.source(addr(tt.target), now); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		if asked > 1 {
			t.Errorf("%s: asked %d times at one moment", name, asked)
		}
		if p.source(addr(tt.target), now.Add(sourceValid)); asked > 2 {
			t.Errorf("%s: asked %d times", name, asked)
		}
	}
}

// TestProbeSourceAfterAnElection: what was known before counts no more, and
// what is found while addresses move counts for a moment.
func TestProbeSourceAfterAnElection(t *testing.T) {
	p, now, asked := newProbeSource(), time.Now(), 0
	p.configure([]netip.Addr{netip.MustParseAddr("192.0.2.100")})
	p.leaves = func(netip.Addr) (netip.Addr, error) {
		asked++
		return netip.MustParseAddr("192.0.2.1"), nil
	}
	ask := func(after time.Duration, want int) {
		t.Helper()
		p.source(netip.MustParseAddr("192.0.2.11"), now.Add(after))
		if asked != want {
			t.Errorf("asked %d times after %v, want %d", asked, after, want)
		}
	}
	ask(0, 1)
	ask(5*time.Second, 1)
	p.moved(now.Add(5 * time.Second))
	ask(5*time.Second, 2)
	ask(7*time.Second, 3)
	ask(16*time.Second, 4)
	ask(40*time.Second, 4)
}

func TestKernelSource(t *testing.T) {
	for _, target := range []string{"127.0.0.1", "::1"} {
		got, err := kernelSource(netip.MustParseAddr(target))
		if err != nil {
			t.Skip(err)
		}
		if got != netip.MustParseAddr(target) {
			t.Errorf("%s is reached from %s", target, got)
		}
	}
}
