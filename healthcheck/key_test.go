package healthcheck

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// changes each make a key different from all others of the list.
var changes = []func(*Key){
	func(*Key) {},
	func(k *Key) { k.Target = netip.MustParseAddrPort("10.0.0.2:80") },
	func(k *Key) { k.Target = netip.MustParseAddrPort("10.0.0.1:81") },
	func(k *Key) { k.Target = netip.MustParseAddrPort("[2001:db8::1]:80") },
	func(k *Key) { k.Settings.Kind = KindHTTPS },
	func(k *Key) { k.Settings.Timeout++ },
	func(k *Key) { web(func(p *HTTP) { p.Method = "HEAD" })(&k.Settings) },
	func(k *Key) { web(func(p *HTTP) { p.Paths = ListOf("/b") })(&k.Settings) },
	func(k *Key) { web(func(p *HTTP) { p.VirtualHost = "a" })(&k.Settings) },
	func(k *Key) { web(func(p *HTTP) { p.Status = "200" })(&k.Settings) },
	func(k *Key) { web(func(p *HTTP) { p.Expect = "a" })(&k.Settings) },
	func(k *Key) { k.Settings.TLS.ServerName = "a" },
	func(k *Key) { k.Settings.TLS.Verify = true },
	func(k *Key) { k.Settings.TLS.MinDays++ },
	func(k *Key) { k.Settings.Network.Mark++ },
	func(k *Key) { k.Settings.Network.Source = netip.MustParseAddr("10.0.0.9") },
	func(k *Key) { k.Timing.Interval++ },
	func(k *Key) { k.Timing.Rise++ },
	func(k *Key) { k.Timing.Fall++ },
}

func changed() []Key {
	var keys []Key
	for _, change := range changes {
		k := Key{netip.MustParseAddrPort("10.0.0.1:80"), Defaults(KindHTTP), DefaultTiming()}
		change(&k)
		keys = append(keys, k)
	}
	return keys
}

func TestCompareKeysTellsAllApart(t *testing.T) {
	keys := changed()
	for i, a := range keys {
		for j, b := range keys {
			if got := CompareKeys(a, b); (got == 0) != (i == j) || got != -CompareKeys(b, a) {
				t.Errorf("compare %d with %d = %d, reverse %d", i, j, got, CompareKeys(b, a))
			}
		}
	}
}

func TestSeedsTellAllApart(t *testing.T) {
	seen := map[uint64]bool{}
	for _, k := range changed() {
		first, phase := k.seeds()
		again, _ := k.seeds()
		if seen[first] || seen[phase] || first != again {
			t.Errorf("seeds of %+v are not its own", k)
		}
		seen[first], seen[phase] = true, true
	}
}

func TestDedup(t *testing.T) {
	keys := changed()
	given := slices.Concat(keys, keys)
	slices.Reverse(given)
	before := slices.Clone(given)
	got := Dedup(given)
	if !slices.Equal(given, before) {
		t.Error("Dedup changed its argument")
	}
	if len(got) != len(keys) || !slices.IsSortedFunc(got, CompareKeys) {
		t.Errorf("%d keys, want %d sorted ones", len(got), len(keys))
	}
	if got := Dedup(nil); len(got) != 0 {
		t.Errorf("Dedup(nil) = %v", got)
	}
}

func TestKeyFor(t *testing.T) {
	real := netip.MustParseAddrPort("10.0.0.1:80")
	tests := []struct {
		name  string
		check Check
		want  string
	}{
		{"real server's port", Check{Settings: Defaults(KindTCP)}, "10.0.0.1:80"},
		{"port of the check", Check{Settings: Defaults(KindHTTP), Port: 8080}, "10.0.0.1:8080"},
		{"ping has none", Check{Settings: Defaults(KindPing), Port: 8080}, "10.0.0.1:0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.check.Name, tt.check.Timing = "web", Timing{Interval: time.Second, Rise: 1, Fall: 1}
			want := Key{netip.MustParseAddrPort(tt.want), tt.check.Settings, tt.check.Timing}
			if got := KeyFor(tt.check, real); got != want {
				t.Errorf("key %+v, want %+v", got, want)
			}
		})
	}
}
