package daemon

import (
	"hash/maphash"

	"github.com/vipd/vipd/healthcheck"
)

// users tells which services a probe judges. A key is large and there are tens
// of thousands, hence its hash: where two are the same, a service too many is
// looked at.
type users struct {
	seed     maphash.Seed
	services map[uint64][]int
}

func newUsers() users {
	return users{seed: maphash.MakeSeed(), services: make(map[uint64][]int)}
}

// add says that a probe judges a service, by its place in the configuration.
func (u *users) add(k healthcheck.Key, service int) {
	sum := maphash.Comparable(u.seed, k)
	if l := u.services[sum]; len(l) == 0 || l[len(l)-1] != service {
		u.services[sum] = append(l, service)
	}
}

// of returns the places of the services that a probe judges.
func (u *users) of(k healthcheck.Key) []int {
	if len(u.services) == 0 {
		return nil
	}
	return u.services[maphash.Comparable(u.seed, k)]
}
