package kernel

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Orphans returns those of the routers that were master under the last
// supervisor, whose peers still wait for their next advert, and whose addresses
// are on the interface and ours: the ones that may say good-bye. For an address
// that somebody else has put there, the host's own included, nobody else is
// asked to take over. A router that can be back within restartIn, before a
// backup's master-down, is none; nor is one that no other router could replace
// (see replaceable).
func (r *Record) Orphans(routers []vrrp.Config, heard map[vrrp.RouterID]bool, now time.Time, restartIn time.Duration) []vrrp.Config {
	have, err := addressesPresent()
	if err != nil {
		return nil
	}
	ours, err := r.addressesOurs()
	if err != nil {
		return nil
	}
	var all []vrrp.Config
	for _, c := range routers {
		if replaceable(c, heard) && r.fresh(c, now) && !r.fresh(c, now.Add(restartIn)) && have.all(c, ours) {
			all = append(all, c)
		}
	}
	return all
}

// addressesOurs returns a test of whether an address that is present was added
// by a vipd that used this record.
func (r *Record) addressesOurs() (func(place, address) bool, error) {
	s, err := openStore(r.dir)
	if err != nil {
		return nil, err
	}
	content, err := s.load()
	if err != nil {
		return nil, err
	}
	recorded := make(map[place]bool)
	for _, a := range content.Addresses {
		recorded[place{a.Interface, a.Address}] = true
	}
	kept := keepsProto()
	return func(p place, a address) bool { return recorded[p] && isOurs(a, true, kept) }, nil
}

// replaceable reports whether somebody could take over: IPVS and NAT go on
// forwarding without a daemon, so an address that nobody would serve stays.
func replaceable(c vrrp.Config, heard map[vrrp.RouterID]bool) bool {
	return c.Peers || heard[c.ID]
}
