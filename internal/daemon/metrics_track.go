package daemon

import (
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// perTrack reads one value of everything that an instance tracks. One thing may
// be tracked in several ways; their values are merged.
func perTrack(read func(vrrp.Contribution) (float64, bool), merge func(a, b float64) float64) func(api.Status, emit) {
	return func(st api.Status, e emit) {
		for _, in := range st.Instances {
			values := make(map[vrrp.TrackID]float64)
			for _, c := range in.Tracks {
				v, ok := read(c)
				if !ok {
					continue
				}
				if old, there := values[c.Track]; there {
					v = merge(old, v)
				}
				values[c.Track] = v
			}
			for id, v := range values {
				e(v, in.Name, in.Family, string(id.Kind), id.Name)
			}
		}
	}
}

var (
	readTrackStates = perTrack(func(c vrrp.Contribution) (float64, bool) {
		return number(c.State == vrrp.TrackUp), c.State != vrrp.TrackUnknown
	}, largest)
	readTrackDeltas = perTrack(func(c vrrp.Contribution) (float64, bool) { return float64(c.Delta), true }, sum)
	readTrackFaults = perTrack(func(c vrrp.Contribution) (float64, bool) { return number(c.Fault), true }, largest)
)

func largest(a, b float64) float64 { return max(a, b) }

func sum(a, b float64) float64 { return a + b }

func readLooks(st api.Status, e emit) {
	for _, t := range st.Tracks {
		e(float64(t.Runs-t.Failures), string(t.ID.Kind), t.ID.Name, "success")
		e(float64(t.Failures), string(t.ID.Kind), t.ID.Name, "failure")
	}
}
