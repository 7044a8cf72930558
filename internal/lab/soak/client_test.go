package soak

import (
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
	gap        time.Duration // the longest time without an answer
}

func (s served) ratio() float64 { return 1 - float64(s.lost)/float64(max(1, s.sent)) }

func (s served) String() string {
	return fmt.Sprintf("%.3f %% of %d %s answered, longest gap %v", 100*s.ratio(), s.sent, s.what, s.gap.Round(time.Millisecond))
}

// watch begins to ask the service, or the address alone where there is no IPVS,
// and returns what ends that.
func (s *stage) watch() func() served {
	if !s.ipvs {
		ping := s.client.Ping(vip, pingEvery)
		return func() served {
			sent, lost := ping.Stop()
			return served{"pings", sent, len(lost), longest(lost, pingEvery)}
		}
	}
	load := s.client.Load(service, requestEvery, mostRequests)
	return func() served {
		all := load.Stop()
		var lost []time.Time
		for _, f := range all.Lost() {
			lost = append(lost, f.At)
		}
		return served{"requests", len(all), len(lost), longest(lost, requestEvery)}
	}
}

// longest is the longest series of losses that follow each other at the pace.
func longest(lost []time.Time, pace time.Duration) (most time.Duration) {
	slices.SortFunc(lost, time.Time.Compare)
	for i, began := 0, 0; i < len(lost); i++ {
		if i > 0 && lost[i].Sub(lost[i-1]) > 2*pace {
			began = i
		}
		most = max(most, lost[i].Sub(lost[began])+pace)
	}
	return most
}
