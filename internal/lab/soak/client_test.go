package soak

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	pingEvery    = 20 * time.Millisecond
	requestEvery = 50 * time.Millisecond
	mostRequests = 1 << 20
)

// served is what the client got.
type served struct {
	what       string
	sent, lost int
	gaps       []gap // times without an answer, longest first
}

// gap is a time in which no request was answered.
type gap struct {
	began time.Time
	took  time.Duration
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
			return served{"pings", sent, len(lost), gaps(lost, pingEvery)}
		}
	}
	load := s.client.Load(service, requestEvery, mostRequests)
	return func() served {
		all := load.Stop()
		var lost []time.Time
		for _, f := range all.Lost() {
			lost = append(lost, f.At)
		}
		return served{"requests", len(all), len(lost), gaps(lost, requestEvery)}
	}
}

// gaps are the series of losses that follow each other at the pace.
func gaps(lost []time.Time, pace time.Duration) (all []gap) {
	slices.SortFunc(lost, time.Time.Compare)
	for i, at := range lost {
		if i == 0 || at.Sub(lost[i-1]) > 2*pace {
			all = append(all, gap{began: at})
		}
		all[len(all)-1].took = at.Sub(all[len(all)-1].began) + pace
	}
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(b.took, a.took) })
	return all
}
