package vrrp_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

// vector is one line of testdata/vectors/*.jsonl.
type vector struct {
	Name    string      `json:"name"`
	Family  vrrp.Family `json:"family"`
	Src     netip.Addr  `json:"src"`
	Dst     netip.Addr  `json:"dst"`
	TTL     uint8       `json:"ttl"`
	Payload string      `json:"payload"`
	// Captured packets: what a peer meant, or why it is none of ours.
	Version    uint8        `json:"version"`
	VRID       uint8        `json:"vrid"`
	Priority   uint8        `json:"priority"`
	IntervalMS int          `json:"interval_ms"`
	Addresses  []netip.Addr `json:"addresses"`
	AuthType   uint8        `json:"auth_type"`
	AuthData   string       `json:"auth_data"`
	Form       string       `json:"form"`
	Reject     string       `json:"reject"`
	// Crafted packets: what vipd makes of them.
	Verdict string `json:"verdict"`
}

func (v *vector) path() vrrp.Path { return vrrp.Path{Family: v.Family, Src: v.Src, Dst: v.Dst} }

func (v *vector) payload(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Payload)
	if err != nil {
		t.Fatalf("vector %s: %v", v.Name, err)
	}
	return b
}

// readVectors reads one file of golden packets.
func readVectors(t testing.TB, name string) []vector {
	t.Helper()
	f, err := os.Open("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, v)
	}
	if len(all) < 50 {
		t.Fatalf("%s holds %d packets only", name, len(all))
	}
	return all
}

// meaning is what a decoded advert says, in comparable form.
type meaning struct {
	Version, VRID, Priority uint8
	Interval                time.Duration
	Addresses               []netip.Addr
	AuthType                uint8
	AuthData, Form          string
}

func meaningOf(a *vrrp.Advert, f vrrp.Family) meaning {
	m := meaning{a.Version, a.VRID, a.Priority, a.Interval, a.Addresses(f), a.AuthType, "", ""}
	if a.AuthData != [8]byte{} {
		m.AuthData = hex.EncodeToString(a.AuthData[:])
	}
	if a.Version == 3 && f == vrrp.IPv4 {
		m.Form = map[vrrp.Checksum]string{vrrp.ChecksumPseudo: "pseudo", vrrp.ChecksumPlain: "plain"}[a.Form]
	}
	return m
}

func TestCapturedDecode(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, "captured.jsonl") {
		a, reason := vrrp.Decode(v.payload(t), v.path())
		if string(reason) != v.Reject {
			t.Errorf("%s: rejected for %q, want %q", v.Name, reason, v.Reject)
			continue
		}
		if v.Reject != "" {
			continue
		}
		want := meaning{
			v.Version, v.VRID, v.Priority, time.Duration(v.IntervalMS) * time.Millisecond,
			v.Addresses, v.AuthType, v.AuthData, v.Form,
		}
		if diff := cmp.Diff(want, meaningOf(&a, v.Family), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, diff)
		}
	}
}

func TestCapturedEncodeByteIdentical(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, "captured.jsonl") {
		if v.Reject != "" {
			continue
		}
		a, _ := vrrp.Decode(v.payload(t), v.path())
		got := vrrp.Encode([]byte{0xaa}, &a, v.path(), a.Form)
		if want := "aa" + v.Payload; hex.EncodeToString(got) != want {
			t.Errorf("%s:\n got %x\nwant %s", v.Name, got, want)
		}
	}
}

// TestCraftedVerdict feeds the crafted packets to a router that matches the
// good ones.
func TestCraftedVerdict(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, "crafted.jsonl") {
		t.Run(v.Name, func(t *testing.T) {
			if got := craftedVerdict(t, &v); got != v.Verdict {
				t.Errorf("verdict %q, want %q", got, v.Verdict)
			}
		})
	}
}

func craftedVerdict(t *testing.T, v *vector) string {
	c := settings(version2)
	if v.Family == vrrp.IPv6 {
		c = settings(ipv6, interval(200*time.Millisecond))
	}
	if v.Name[:2] == "v3" {
		c = settings(interval(200 * time.Millisecond))
	}
	g := newRig(t, c)
	before := g.deadline()
	g.sleep(10 * time.Millisecond)
	g.packet(v.Src, func(p *vrrp.Received) { p.Family, p.Dst, p.TTL, p.Payload = v.Family, v.Dst, v.TTL, v.payload(t) })
	s := g.status()
	for reason := range s.Counters.Dropped {
		if s.Counters.AdvertsReceived != 0 || g.deadline() != before-10*time.Millisecond {
			t.Errorf("rejected for %q, but it counted or moved the timer", reason)
		}
		return string(reason)
	}
	if s.Counters.AdvertsReceived != 1 {
		t.Error("neither accepted nor rejected")
	}
	return "accept"
}

func TestEncodeLimits(t *testing.T) {
	t.Parallel()
	path := vrrp.Path{Family: vrrp.IPv4, Src: ours, Dst: group}
	full := make([]byte, 255*4)
	tests := []struct {
		name string
		a    vrrp.Advert
	}{
		{"longest v3 interval", vrrp.Advert{Version: 3, VRID: 255, Priority: 255, Interval: 40950 * time.Millisecond, List: full}},
		{"shortest v3 interval", vrrp.Advert{Version: 3, VRID: 1, Priority: 1, Interval: 10 * time.Millisecond}},
		{"longest v2 interval", vrrp.Advert{Version: 2, VRID: 1, Priority: 0, Interval: 255 * time.Second, List: full}},
	}
	for _, tt := range tests {
		for _, form := range []vrrp.Checksum{vrrp.ChecksumPseudo, vrrp.ChecksumPlain} {
			got, reason := vrrp.Decode(vrrp.Encode(nil, &tt.a, path, form), path)
			want := tt.a
			want.Form = form
			if tt.a.Version == 2 {
				want.Form = vrrp.ChecksumPlain
			}
			if want.List == nil {
				want.List = []byte{}
			}
			if diff := cmp.Diff(want, got); reason != "" || diff != "" {
				t.Errorf("%s: rejected for %q (-want +got):\n%s", tt.name, reason, diff)
			}
		}
	}
}

// TestRFC9568_5_2_8_ChecksumForms keeps the two readings of RFC 5798 apart: each is
// what one kind of peer insists on.
func TestRFC9568_5_2_8_ChecksumForms(t *testing.T) {
	t.Parallel()
	path := vrrp.Path{Family: vrrp.IPv4, Src: lower, Dst: group}
	a := vrrp.Advert{
		Version: 3, VRID: 51, Priority: 150, Interval: 200 * time.Millisecond,
		List: vrrp.AppendList(nil, prefixes("192.0.2.100/24")),
	}
	for form, want := range map[vrrp.Checksum]string{
		vrrp.ChecksumPseudo: "313396010014d3c1c0000264",
		vrrp.ChecksumPlain:  "3133960100147652c0000264",
	} {
		if got := hex.EncodeToString(vrrp.Encode(nil, &a, path, form)); got != want {
			t.Errorf("form %d: %s, want %s", form, got, want)
		}
	}
}

func TestCodecAllocatesNothing(t *testing.T) {
	path := vrrp.Path{Family: vrrp.IPv4, Src: ours, Dst: group}
	a := vrrp.Advert{Version: 3, VRID: 51, Priority: 100, Interval: time.Second, List: vrrp.AppendList(nil, prefixes("192.0.2.100/24"))}
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		buf = vrrp.Encode(buf[:0], &a, path, vrrp.ChecksumPseudo)
		if _, reason := vrrp.Decode(buf, path); reason != "" {
			t.Fatal(reason)
		}
	}); n != 0 {
		t.Errorf("%v allocations per advert", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"captured.jsonl", "crafted.jsonl"} {
		for _, v := range readVectors(f, name) {
			f.Add(v.payload(f), v.Family == vrrp.IPv6)
		}
	}
	v6 := vrrp.Path{Family: vrrp.IPv6, Src: netip.MustParseAddr("fe80::1"), Dst: netip.MustParseAddr("ff02::12")}
	v4 := vrrp.Path{Family: vrrp.IPv4, Src: lower, Dst: group}
	f.Fuzz(func(t *testing.T, payload []byte, six bool) {
		path := v4
		if six {
			path = v6
		}
		a, reason := vrrp.Decode(payload, path)
		if reason != "" {
			return
		}
		again := vrrp.Encode(nil, &a, path, a.Form)
		b, reason := vrrp.Decode(again, path)
		if diff := cmp.Diff(a, b); reason != "" || diff != "" {
			t.Errorf("decoding what was encoded: %q (-want +got):\n%s", reason, diff)
		}
	})
}
