package ipvs_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func keys(t ipvs.Table) map[ipvs.ServiceKey]bool {
	m := make(map[ipvs.ServiceKey]bool, len(t))
	for _, e := range t {
		m[e.Service.Key] = true
	}
	return m
}

func TestDiff(t *testing.T) {
	base := []string{"tcp 192.0.2.9:80 wlc", "192.0.2.1:80 3 direct", "192.0.2.2:80 3 direct"}
	foreign := []string{"udp 192.0.2.8:53 rr", "192.0.2.1:53 1 masquerade"}
	for name, tt := range map[string]struct {
		have, want []string
		owned      bool // have is ours
		ops        []string
	}{
		"nothing to do": {have: base, want: base},
		"first start": {want: base, ops: []string{
			"add tcp 192.0.2.9:80 (wlc)",
			"add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 3, direct)",
			"add 192.0.2.2:80 to tcp 192.0.2.9:80 (weight 3, direct)",
		}},
		"quiesced": {have: base, want: []string{base[0], "192.0.2.1:80 0 direct", base[2]}, ops: []string{
			"set weight 0 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 3)",
		}},
		"raise before lower": {have: base, want: []string{base[0], "192.0.2.1:80 0 direct", "192.0.2.2:80 9 direct"}, ops: []string{
			"set weight 9 on 192.0.2.2:80 of tcp 192.0.2.9:80 (was 3)",
			"set weight 0 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 3)",
		}},
		"forwarding is edited in place": {have: base, want: []string{base[0], "192.0.2.1:80 2 tunnel", base[2]}, ops: []string{
			"edit 192.0.2.1:80 of tcp 192.0.2.9:80: weight from 3 to 2, forwarding from direct to tunnel",
		}},
		"scheduler is edited in place": {have: base, want: []string{"tcp 192.0.2.9:80 rr", base[1], base[2]}, ops: []string{
			"edit tcp 192.0.2.9:80: scheduler from wlc to rr",
		}},
		"add before remove": {have: base, want: []string{base[0], base[1], "192.0.2.3:80 1 direct"}, ops: []string{
			"add 192.0.2.3:80 to tcp 192.0.2.9:80 (weight 1, direct)",
			"remove 192.0.2.2:80 from tcp 192.0.2.9:80",
		}},
		"ours and no longer wanted": {have: base, owned: true, ops: []string{"remove tcp 192.0.2.9:80"}},
		"foreign stays":             {have: foreign},
		"ours is replaced": {have: foreign, owned: true, want: base, ops: []string{
			"add tcp 192.0.2.9:80 (wlc)",
			"add 192.0.2.1:80 to tcp 192.0.2.9:80 (weight 3, direct)",
			"add 192.0.2.2:80 to tcp 192.0.2.9:80 (weight 3, direct)",
			"remove udp 192.0.2.8:53",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			have := ipvstest.MustTable(tt.have...)
			var owned map[ipvs.ServiceKey]bool
			if tt.owned {
				owned = keys(have)
			}
			var got []string
			for _, op := range ipvs.Diff(have, ipvstest.MustTable(tt.want...), owned) {
				got = append(got, op.String())
			}
			if d := cmp.Diff(tt.ops, got); d != "" {
				t.Errorf("operations (-want +got):\n%s", d)
			}
		})
	}
}

// drawCase draws a kernel table, a wanted one and which services are ours,
// some of which are in neither.
func drawCase(t *rapid.T) (have, want ipvs.Table, owned map[ipvs.ServiceKey]bool) {
	have, want = ipvstest.Tables().Draw(t, "have"), ipvstest.Tables().Draw(t, "want")
	owned = map[ipvs.ServiceKey]bool{}
	for _, e := range slices.Concat(have, ipvstest.Tables().Draw(t, "earlier")) {
		if rapid.Bool().Draw(t, "owned") {
			owned[e.Service.Key] = true
		}
	}
	return have, want, owned
}

func isForeign(k ipvs.ServiceKey, want ipvs.Table, owned map[ipvs.ServiceKey]bool) bool {
	return !owned[k] && want.Find(k) == nil
}

func TestDiffReachesWantAndSparesForeign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want, owned := drawCase(t)
		expected := want.Clone()
		for _, e := range have {
			if isForeign(e.Service.Key, want, owned) {
				expected = append(expected, e)
			}
		}
		k := ipvstest.New(have)
		listed, _ := k.Table()
		for _, op := range ipvs.Diff(listed, want, owned) {
			if isForeign(op.Service.Key, want, owned) {
				t.Fatalf("foreign service touched: %s", op)
			}
			if err := k.Apply(op); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := k.Table()
		if !got.Equal(expected) {
			t.Fatalf("table (-want +got):\n%s", cmp.Diff(expected, got, compareNetip))
		}
		if again := ipvs.Diff(got, want, owned); len(again) > 0 {
			t.Fatalf("not idempotent: %v", again)
		}
	})
}

// serving tells which destinations of a service get new connections.
func serving(e *ipvs.Entry) map[netip.AddrPort]bool {
	m := map[netip.AddrPort]bool{}
	if e != nil {
		for _, d := range e.Destinations {
			m[d.Address] = d.Weight > 0
		}
	}
	return m
}

func hasServing(m map[netip.AddrPort]bool) bool {
	for _, s := range m {
		if s {
			return true
		}
	}
	return false
}

// At no step is a service without something that it has before and after:
// a destination, a serving destination, or any serving destination at all.
func TestDiffMakesBeforeItBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want, owned := drawCase(t)
		k := ipvstest.New(have)
		for _, op := range ipvs.Diff(have, want, owned) {
			if err := k.Apply(op); err != nil {
				t.Fatal(err)
			}
			now, _ := k.Table()
			for _, w := range want {
				key := w.Service.Key
				checkStep(t, op, serving(have.Find(key)), serving(now.Find(key)), serving(&w))
			}
		}
	})
}

func checkStep(t *rapid.T, op ipvs.Op, before, now, after map[netip.AddrPort]bool) {
	for a, served := range before {
		willServe, stays := after[a]
		isServing, present := now[a]
		if stays && !present {
			t.Fatalf("%s is missing after %q", a, op)
		}
		if served && willServe && !isServing {
			t.Fatalf("%s has weight 0 after %q", a, op)
		}
	}
	if hasServing(before) && hasServing(after) && !hasServing(now) {
		t.Fatalf("nothing serves after %q", op)
	}
}

// A change of one weight is one operation, whatever else is in the table.
func TestDiffOneWeightOneOperation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := ipvstest.Tables().Draw(t, "have")
		want := have.Clone()
		var at []*ipvs.Destination
		for i := range want {
			for j := range want[i].Destinations {
				at = append(at, &want[i].Destinations[j])
			}
		}
		if len(at) == 0 {
			t.Skip("no destination")
		}
		d := rapid.SampledFrom(at).Draw(t, "destination")
		d.Weight += rapid.IntRange(1, 9).Draw(t, "more")
		ops := ipvs.Diff(have, want, keys(have))
		if len(ops) != 1 || ops[0].Kind != ipvs.SetWeight || ops[0].Destination != *d {
			t.Fatalf("operations %v", ops)
		}
	})
}

// No operation removes what another one adds.
func TestDiffNeverRemovesAndAddsAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want, owned := drawCase(t)
		type object struct {
			service     ipvs.ServiceKey
			destination netip.AddrPort
		}
		seen := map[object]ipvs.Kind{}
		for _, op := range ipvs.Diff(have, want, owned) {
			o := object{op.Service.Key, op.Destination.Address}
			if k, twice := seen[o]; twice {
				t.Fatalf("%s and %s of the same object: %s", k, op.Kind, op)
			}
			seen[o] = op.Kind
		}
	})
}

func BenchmarkDiff(b *testing.B) {
	var have ipvs.Table
	for i := range 500 {
		e := ipvs.Entry{Service: ipvs.Service{
			Key:       ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)},
			Scheduler: "wlc",
		}}
		for j := range byte(4) {
			e.Destinations = append(e.Destinations, ipvs.Destination{
				Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, j}), 80), Weight: 1,
			})
		}
		have = append(have, e)
	}
	want := have.Clone()
	want[250].Destinations[2].Weight = 0
	owned := keys(have)
	b.ReportAllocs()
	for b.Loop() {
		if ops := ipvs.Diff(have, want, owned); len(ops) != 1 {
			b.Fatal(ops)
		}
	}
}

// What Diff says, Apply does: the record of a table that nobody else edits
// stays equal to it.
func TestApplyFollowsDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want := ipvstest.Tables().Draw(t, "have"), ipvstest.Tables().Draw(t, "want")
		owned := map[ipvs.ServiceKey]bool{}
		for _, e := range have {
			owned[e.Service.Key] = true
		}
		got := have.Clone().Apply(ipvs.Diff(have, want, owned)...)
		if !got.Equal(want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		for _, e := range got {
			if got.Index().Find(e.Service.Key).Service != e.Service {
				t.Fatalf("%s is not found", e.Service.Key)
			}
		}
	})
}
