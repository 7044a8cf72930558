package lab

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Capture records the VRRP and ARP frames that pass an interface, its own
// included, with the time at which they did.
type Capture struct {
	packets *Stamped

	mu     sync.Mutex
	frames []Frame
}

// vrrpAndARP passes ARP and IPv4 protocol 112 (linux/filter.h).
var vrrpAndARP = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 3},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 3},
	bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocolVRRP, SkipTrue: 1},
	bpf.RetConstant{Val: 1 << 16},
	bpf.RetConstant{Val: 0},
}

// Capture starts recording on an interface of the host.
func (h *Host) Capture(iface string) *Capture {
	h.lab.tb.Helper()
	filter, err := bpf.Assemble(vrrpAndARP)
	if err != nil {
		h.lab.tb.Fatalf("assemble filter: %v", err)
	}
	c := &Capture{}
	err = h.Do(func() (err error) {
		c.packets, err = openStamped(iface, stampedKind{unix.SOCK_RAW, unix.ETH_P_ALL, filter}, c.note)
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("capture on %s of %s: %v", iface, h.Name, err)
	}
	h.lab.onClose(c.packets.Close)
	return c
}

func (c *Capture) note(b []byte, at time.Time) {
	f, ok := decodeFrame(b)
	if !ok {
		return
	}
	f.At = arrival(time.Now(), at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
}

// longestLag bounds by how much a frame may be read late: a greater difference to
// the kernel's time stamp comes from a clock that was set meanwhile.
const longestLag = time.Minute

// arrival is the time stamp of a frame that is read now by the monotonic clock,
// which tests measure by: the other one may be set.
func arrival(now, at time.Time) time.Time {
	if lag := now.Round(0).Sub(at); lag > 0 && lag < longestLag {
		return now.Add(-lag)
	}
	return now
}

// Reaches returns nil once everything that passed up to a time was recorded. The
// reader may be late, and knows it only when something passed after that.
func (c *Capture) Reaches(end time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == 0 || c.frames[len(c.frames)-1].At.Before(end) {
		return fmt.Errorf("%d frames were read, none of them later", len(c.frames))
	}
	return c.packets.Complete()
}

// Frames returns what was recorded since the given time.
func (c *Capture) Frames(since time.Time) []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Frame
	for _, f := range c.frames {
		if !f.At.Before(since) {
			out = append(out, f)
		}
	}
	return out
}

// Adverts returns the VRRP adverts that a host sent since the given time.
func (c *Capture) Adverts(from *Host, since time.Time) []Advert {
	mac := from.HardwareAddr("eth0")
	var out []Advert
	for _, f := range c.Frames(since) {
		if f.VRRP != nil && f.Source == mac {
			a := *f.VRRP
			a.At = f.At
			out = append(out, a)
		}
	}
	return out
}

// Silence is the longest time between two adverts of the hosts, whichever sent
// them, that ended after the given time: it may have begun before.
func (c *Capture) Silence(since time.Time, from ...*Host) time.Duration {
	var times []time.Time
	for _, h := range from {
		for _, a := range c.Adverts(h, time.Time{}) {
			times = append(times, a.At)
		}
	}
	return silence(times, since)
}

func silence(times []time.Time, since time.Time) (longest time.Duration) {
	slices.SortFunc(times, time.Time.Compare)
	for i := 1; i < len(times); i++ {
		if times[i].After(since) {
			longest = max(longest, times[i].Sub(times[i-1]))
		}
	}
	return longest
}

// Announced returns when a host announced the address by gratuitous ARP.
func (c *Capture) Announced(from *Host, addr string, since time.Time) []time.Time {
	mac := from.HardwareAddr("eth0")
	var out []time.Time
	for _, f := range c.Frames(since) {
		if f.ARP != nil && f.Source == mac && f.ARP.Gratuitous() && f.ARP.Sender.String() == addr {
			out = append(out, f.At)
		}
	}
	return out
}
