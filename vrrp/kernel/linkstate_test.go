package kernel

import "testing"

// A refreshed lease changes nothing that anybody is to be told of.
func TestSafety_1_8_RefreshesAreNoNews(t *testing.T) {
	v := view{links: make(map[int]linkInfo), addrs: make(map[int][]seenAddress)}
	a := seenAddress{address{index: 2, prefix: vip(100), proto: AddressProtocol, remaining: 6}, true}
	if !v.put(a) {
		t.Error("an address that came is no news")
	}
	a.remaining = 5
	if v.put(a) {
		t.Error("a refreshed lease is news")
	}
	a.ours = false
	if !v.put(a) {
		t.Error("an address that is ours no more is no news")
	}
}
