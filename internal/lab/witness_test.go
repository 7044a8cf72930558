package lab

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestDecodeFrame(t *testing.T) {
	t.Parallel()
	const eth = "01005e000012 020000000101 0800 "
	const ip = "45c0 0020 0000 0000 ff70 0000 c0000201 e0000012 "
	vrrp3 := &Advert{
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("224.0.0.18"), TTL: 255, TOS: 0xc0,
		Version: 3, Type: 1, VRID: 51, Priority: 150, Interval: 100 * time.Millisecond,
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.100")},
	}
	vrrp2 := *vrrp3
	vrrp2.Version, vrrp2.Interval = 2, 2*time.Second
	for name, tc := range map[string]struct {
		frame string
		want  *Frame
	}{
		"version 3":       {eth + ip + "31 33 96 01 000a 0000 c0000264", &Frame{VRRP: vrrp3}},
		"version 2":       {eth + strings.Replace(ip, "0020", "0028", 1) + "21 33 96 01 0002 0000 c0000264 0000000000000000", &Frame{VRRP: &vrrp2}},
		"padded":          {eth + ip + "31 33 96 01 000a 0000 c0000264 00000000", &Frame{VRRP: vrrp3}},
		"gratuitous ARP":  {"ffffffffffff 020000000101 0806 0001 0800 06 04 0001 020000000101 c0000264 ffffffffffff c0000264", &Frame{ARP: &ARP{Request: true, SenderMAC: "02:00:00:00:01:01", Sender: vrrp3.Addresses[0], Target: vrrp3.Addresses[0]}}},
		"short Ethernet":  {"01005e", nil},
		"short ARP":       {"ffffffffffff 020000000101 0806 0001", nil},
		"truncated IP":    {eth + ip + "31 33", nil},
		"another payload": {eth + strings.Replace(ip, "ff70", "ff11", 1) + "31 33 96 01 000a 0000 c0000264", nil},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tc.frame, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := decodeFrame(b)
		if ok != (tc.want != nil) {
			t.Errorf("%s: decoded %t", name, ok)
		}
		if !ok {
			continue
		}
		tc.want.Source = "02:00:00:00:01:01"
		if diff := cmp.Diff(*tc.want, got, compareAddrs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	a, b := &Host{Name: "a"}, &Host{Name: "b"}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for name, tc := range map[string]struct {
		spans []Span
		want  time.Duration
	}{
		"none":              {nil, 0},
		"one after another": {[]Span{{a, at(0), at(5)}, {b, at(6), time.Time{}}}, 0},
		"the same host":     {[]Span{{a, at(0), at(5)}, {a, at(3), at(8)}}, 0},
		"both, closed":      {[]Span{{a, at(0), at(5)}, {b, at(3), time.Time{}}}, 2 * time.Second},
		"both, open":        {[]Span{{a, at(0), time.Time{}}, {b, at(3), time.Time{}}}, 7 * time.Second},
		"longest of two":    {[]Span{{a, at(0), at(4)}, {b, at(3), at(6)}, {a, at(4), at(9)}}, 2 * time.Second},
	} {
		if got := overlap(tc.spans, at(10)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestArrival(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for stamped, want := range map[time.Duration]time.Duration{ // before now
		0:                      0,
		300 * time.Millisecond: 300 * time.Millisecond,
		time.Hour:              0, // the clock was set meanwhile
		-time.Hour:             0,
	} {
		if got := now.Sub(arrival(now, now.Add(-stamped).Round(0))); got != want {
			t.Errorf("stamped %v before now: %v, want %v", stamped, got, want)
		}
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	var times []time.Time
	for _, s := range []int{9, 2, 8, 7, 1} {
		times = append(times, time.Unix(int64(s), 0))
	}
	for since, want := range map[int]time.Duration{0: 5 * time.Second, 6: 5 * time.Second, 7: time.Second, 8: time.Second, 9: 0} {
		if got := silence(times, time.Unix(int64(since), 0)); got != want {
			t.Errorf("since %d: %v, want %v", since, got, want)
		}
	}
	if got := silence(nil, time.Time{}); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestTenures(t *testing.T) {
	t.Parallel()
	a, b := &Host{Name: "a"}, &Host{Name: "b"}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for want, spans := range map[string][]Span{
		"nobody":                               nil,
		"a":                                    {{a, at(0), time.Time{}}},
		"nobody, a from 3.00 s":                {{a, at(5), time.Time{}}},
		"a, nobody from 2.00 s, b from 3.00 s": {{a, at(0), at(4)}, {b, at(5), at(20)}},
		"a, a+b from 1.00 s, b from 4.00 s":    {{a, at(1), at(6)}, {b, at(3), time.Time{}}},
		"a, b from 3.00 s":                     {{a, at(1), at(4)}, {a, at(4), at(5)}, {b, at(5), time.Time{}}},
	} {
		all := tenures([]*Host{a, b}, spans, at(2), at(10))
		if got := Story(all); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if !all[0].Start.Equal(at(2)) || !all[len(all)-1].End.Equal(at(10)) {
			t.Errorf("%s: from %v to %v", want, all[0].Start, all[len(all)-1].End)
		}
	}
}

func TestOwnershipSeesEveryChange(t *testing.T) {
	t.Parallel()
	l, hosts := segment(t, "a", "b")
	a, b := hosts[0], hosts[1]
	a.AddAddress("eth0", "192.0.2.100/24")
	o := l.Ownership("192.0.2.100", a, b)
	if err := o.Only(a); err != nil {
		t.Error(err)
	}
	b.AddAddress("eth0", "192.0.2.100/24")
	WaitFor(t, "both own it", time.Second, func() error {
		if len(o.Owners()) == 2 {
			return nil
		}
		return o.Only(b)
	})
	time.Sleep(20 * time.Millisecond) // the overlap to be measured
	a.DeleteAddress("eth0", "192.0.2.100/24")
	WaitFor(t, "b owns it alone", time.Second, func() error { return o.Only(b) })
	b.DeleteAddress("eth0", "192.0.2.100/24")
	WaitFor(t, "nobody owns it", time.Second, o.None)
	if n := len(o.Spans(a)); n != 1 || o.Overlap() < 10*time.Millisecond {
		t.Errorf("%d spans of a, overlap %v", n, o.Overlap())
	}
}
