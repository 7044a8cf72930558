package runner

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/vipd/vipd/healthcheck"
)

// TestIndex: an index is a map by key, however many keys have one target.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, want := index{}, map[healthcheck.Key]*entry{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := healthcheck.Key{Target: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), rapid.Uint16Range(1, 3).Draw(t, "port"))}
			k.Timing.Rise = rapid.IntRange(1, 4).Draw(t, "rise")
			if e := want[k]; e != nil {
				x.drop(e)
				delete(want, k)
			} else {
				want[k] = &entry{key: k}
				x.put(want[k])
			}
			for k, e := range want {
				if x.find(k) != e {
					t.Fatalf("%v is not found", k)
				}
			}
			if want[k] == nil && x.find(k) != nil {
				t.Fatalf("%v is found", k)
			}
		}
		for _, e := range want {
			x.drop(e)
		}
		if len(x) > 0 {
			t.Fatalf("%d targets are left", len(x))
		}
	})
}
