package soak

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

const (
	pingEvery    = 20 * time.Millisecond
	requestEvery = 50 * time.Millisecond
	controlEvery = 4 * requestEvery
	mostRequests = 1 << 20
)

// served is what the client got.
type served struct {
	what       string
	sent, lost int
	gaps       []gap // times without an answer, longest first
	// control are requests of the same client to a server behind no director:
	// what they miss is the machine's fault.
	control lab.Tally
}

// gap is a time in which no request was answered.
type gap struct {
	began time.Time
	took  time.Duration
	open  bool // no answer has come since
}

// longest is 0 when everything was answered.
func (s served) longest() time.Duration {
	if len(s.gaps) == 0 {
		return 0
	}
	return s.gaps[0].took
}

func (s served) ratio() float64 { return 1 - float64(s.lost)/float64(max(1, s.sent)) }

func (s served) String() string {
	return fmt.Sprintf("%.3f %% of %d %s answered, longest gap %v", 100*s.ratio(), s.sent, s.what, s.longest().Round(time.Millisecond))
}

// watch begins to ask the service, or the address alone where there is no IPVS,
// and returns what ends that.
func (s *stage) watch() func() served {
	if !s.ipvs {
		ping := s.client.Ping(vip, pingEvery)
		return func() served {
			sent, lost := ping.Stop()
			all := make([]request, 0, len(lost))
			for i, at := range lost {
				if i > 0 && at.Sub(lost[i-1]) > 2*pingEvery {
					all = append(all, request{at: lost[i-1].Add(pingEvery)})
				}
				all = append(all, request{at, true})
			}
			return served{what: "pings", sent: sent, lost: len(lost), gaps: gaps(all)}
		}
	}
	load, control := s.client.Load(service, requestEvery, mostRequests), s.client.Load(s.control, controlEvery, mostRequests)
	return func() served {
		all := load.Stop()
		requests := make([]request, 0, len(all))
		for _, f := range all {
			requests = append(requests, request{f.At, f.Lost()})
		}
		return served{what: "requests", sent: len(all), lost: len(all.Lost()), gaps: gaps(requests), control: control.Stop()}
	}
}

// request is one of the client's.
type request struct {
	at   time.Time
	lost bool
}

// gaps are the times from a lost request to the next one that was answered.
func gaps(requests []request) (all []gap) {
	slices.SortFunc(requests, func(a, b request) int { return a.at.Compare(b.at) })
	for _, r := range requests {
		last := len(all) - 1
		switch {
		case last >= 0 && all[last].open:
			all[last].took, all[last].open = r.at.Sub(all[last].began), r.lost
		case r.lost:
			all = append(all, gap{began: r.at, open: true})
		}
	}
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(b.took, a.took) })
	return all
}

func TestGaps(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	got := gaps([]request{{at(0), false}, {at(700), true}, {at(50), true}, {at(300), false}, {at(800), true}, {at(1500), false}, {at(1600), true}})
	want := []gap{{at(700), 800 * time.Millisecond, false}, {at(50), 250 * time.Millisecond, false}, {at(1600), 0, true}}
	if !slices.Equal(got, want) {
		t.Errorf("gaps %v, want %v", got, want)
	}
}
