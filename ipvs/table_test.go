package ipvs_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func TestTableSort(t *testing.T) {
	got := ipvstest.MustTable(
		"udp 192.0.2.9:53 rr",
		"tcp 192.0.2.10:80 rr", "192.0.2.2:80 1 direct", "192.0.2.1:81 1 direct", "192.0.2.1:80 1 direct",
		"tcp 192.0.2.9:443 rr",
		"tcp 192.0.2.9:80 rr",
	)
	want := ipvstest.MustTable(
		"tcp 192.0.2.9:80 rr",
		"tcp 192.0.2.9:443 rr",
		"tcp 192.0.2.10:80 rr", "192.0.2.1:80 1 direct", "192.0.2.1:81 1 direct", "192.0.2.2:80 1 direct",
		"udp 192.0.2.9:53 rr",
	)
	got.Sort()
	if d := cmp.Diff(want, got, compareNetip); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestTableEqualIgnoresOrderOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := ipvstest.Tables().Filter(func(t ipvs.Table) bool { return len(t) > 0 }).Draw(t, "table")
		b := a.Clone()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rng.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
		for _, e := range b {
			d := e.Destinations
			rng.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
		}
		if !a.Equal(b) {
			t.Fatal("a shuffled copy is not equal")
		}
		if a.Equal(b[1:]) {
			t.Fatal("equal although a service is missing")
		}
		b[0].Service.Persistent += time.Second
		if a.Equal(b) {
			t.Fatal("equal although a service differs")
		}
	})
}

func TestTableCloneSharesNothing(t *testing.T) {
	a := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct")
	b := a.Clone()
	b[0].Service.Scheduler = "wlc"
	b[0].Destinations[0].Weight = 9
	if a[0].Service.Scheduler != "rr" || a[0].Destinations[0].Weight != 1 {
		t.Errorf("the original changed: %+v", a)
	}
}

func TestTableFind(t *testing.T) {
	a := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct", "udp 192.0.2.9:80 wlc")
	for _, e := range a {
		if got := a.Find(e.Service.Key); got == nil || got.Service != e.Service {
			t.Errorf("%s: found %+v", e.Service.Key, got)
		}
	}
	if got := a[:1].Find(a[1].Service.Key); got != nil {
		t.Errorf("found %+v in a table without it", got)
	}
}

func TestServiceKeyJSON(t *testing.T) {
	for _, text := range []string{"tcp 192.0.2.9:80", "udp [2001:db8::9]:53"} {
		var k ipvs.ServiceKey
		if err := json.Unmarshal([]byte(`"`+text+`"`), &k); err != nil {
			t.Fatal(err)
		}
		if k.String() != text {
			t.Errorf("%q became %q", text, k)
		}
	}
	for _, text := range []string{"", "tcp", "icmp 192.0.2.9:80", "tcp 192.0.2.9"} {
		if err := new(ipvs.ServiceKey).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
