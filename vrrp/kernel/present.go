package kernel

import (
	"errors"

	"github.com/vipd/vipd/vrrp"
)

// present is every address of the namespace, by its place.
type present map[place]address

// addressesPresent asks the kernel.
func addressesPresent() (present, error) {
	a, err := openAddresses()
	if err != nil {
		return nil, err
	}
	defer a.close()
	have, err := a.list()
	names, namesErr := a.names()
	if err := errors.Join(err, namesErr); err != nil {
		return nil, err
	}
	all := make(present, len(have))
	for _, addr := range have {
		all[place{names[addr.index], addr.prefix}] = addr
	}
	return all, nil
}

// all reports whether every address of a router is where it belongs and, unless
// is is nil, passes that test.
func (h present) all(c vrrp.Config, is func(place, address) bool) bool {
	for _, p := range c.Held() {
		at := place{c.CarrierOf(p), p}
		a, here := h[at]
		if !here || is != nil && !is(at, a) {
			return false
		}
	}
	return true
}
