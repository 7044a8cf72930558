package healthcheck

import (
	"net/netip"
	"reflect"
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

// TestCompareKeysSeesEveryTiming: keys that compare as equal are taken for one
// probe. A field that is added to Timing fails here until it is compared.
func TestCompareKeysSeesEveryTiming(t *testing.T) {
	base := changed()[0]
	for path, f := range leaves(t, reflect.TypeFor[Timing](), "") {
		other := base
		field := reflect.ValueOf(&other.Timing).Elem().FieldByIndex(f)
		switch field.Kind() {
		case reflect.Bool:
			field.SetBool(!field.Bool())
		case reflect.String:
			field.SetString(field.String() + "x")
		default:
			field.SetInt(field.Int() + 1)
		}
		if got := CompareKeys(base, other); got == 0 || got != -CompareKeys(other, base) {
			t.Errorf("keys that differ in Timing%s compare as %d, reverse %d", path, got, CompareKeys(other, base))
		}
	}
}

// leaves returns the fields of a struct and of the structs in it, by name.
func leaves(t *testing.T, of reflect.Type, path string) map[string][]int {
	t.Helper()
	all := map[string][]int{}
	for f := range of.NumField() {
		field := of.Field(f)
		name := path + "." + field.Name
		if field.Type.Kind() != reflect.Struct {
			all[name] = []int{f}
			continue
		}
		for inner, index := range leaves(t, field.Type, name) {
			all[inner] = append([]int{f}, index...)
		}
	}
	return all
}

func TestSeedsTellAllApart(t *testing.T) {
	seen := map[uint64]bool{}
	for _, k := range changed() {
		seed := k.seed()
		if seen[seed] || seed != k.seed() {
			t.Errorf("the seed of %+v is not its own", k)
		}
		seen[seed] = true
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
