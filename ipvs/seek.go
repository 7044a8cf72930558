package ipvs

import "net/netip"

// fewDestinations is up to how many a search is cheaper than a map.
const fewDestinations = 16

// seeker finds the destinations of an entry by address, in constant time also
// where there are thousands.
type seeker struct {
	list []Destination
	at   map[netip.AddrPort]int // nil while there are few
}

func seek(list []Destination) *seeker {
	s := &seeker{list: list}
	if len(list) > fewDestinations {
		s.index()
	}
	return s
}

func (s *seeker) index() {
	s.at = make(map[netip.AddrPort]int, 2*len(s.list))
	for i, d := range s.list {
		s.at[d.Address] = i
	}
}

// find returns the place of an address in the list, -1 when it is not there.
func (s *seeker) find(a netip.AddrPort) int {
	if s.at != nil {
		if i, found := s.at[a]; found {
			return i
		}
		return -1
	}
	for i := range s.list {
		if s.list[i].Address == a {
			return i
		}
	}
	return -1
}

// destination returns the destination with an address.
func (s *seeker) destination(a netip.AddrPort) (Destination, bool) {
	if i := s.find(a); i >= 0 {
		return s.list[i], true
	}
	return Destination{}, false
}

// put adds d; where its address is taken it replaces what is there only if it
// is to win.
func (s *seeker) put(d Destination, wins bool) {
	if i := s.find(d.Address); i >= 0 {
		if wins {
			s.list[i] = d
		}
		return
	}
	s.list = append(s.list, d)
	switch {
	case s.at != nil:
		s.at[d.Address] = len(s.list) - 1
	case len(s.list) > fewDestinations:
		s.index()
	}
}
