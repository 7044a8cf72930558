package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vipd/vipd/vrrp"
)

// Left is what an earlier life has left on this host, by its records.
type Left struct {
	Addresses  []LeftAddress // that are there
	Interfaces []string      // with virtual MAC addresses, that are there
	Paths      vrrp.Paths
}

// LeftAddress is a virtual address on an interface.
type LeftAddress struct {
	Interface string
	Address   netip.Prefix
}

// Unwanted returns what a start with these routers removes.
func (l Left) Unwanted(routers []vrrp.Config) Left {
	wanted, carriers := make(map[LeftAddress]bool), make(map[string]bool)
	for i := range routers {
		c := &routers[i]
		carriers[c.Carrier()] = true
		for _, p := range c.Held() {
			wanted[LeftAddress{c.CarrierOf(p), p}] = true
		}
		l.Paths = vrrp.Paths{Routes: withoutRoutes(l.Paths.Routes, c.Paths.Routes), Rules: withoutRules(l.Paths.Rules, c.Paths.Rules)}
	}
	l.Addresses = slices.DeleteFunc(slices.Clone(l.Addresses), func(a LeftAddress) bool { return wanted[a] })
	l.Interfaces = slices.DeleteFunc(slices.Clone(l.Interfaces), func(name string) bool { return carriers[name] })
	return l
}

// ReadLeft reads the records in a runtime directory. Those of another boot say
// nothing.
func ReadLeft(runtimeDir string) (left Left, err error) {
	boot, err := bootID()
	if err != nil {
		return left, err
	}
	content, err := (&store{dir: runtimeDir, boot: boot}).load()
	if err != nil {
		return left, err
	}
	var vmacs vmacRecord
	if err := readJSON(filepath.Join(runtimeDir, vmacFile), &vmacs); err != nil && !errors.Is(err, os.ErrNotExist) {
		return left, err
	}
	a, err := openAddresses()
	if err != nil {
		return left, err
	}
	defer a.close()
	names, errNames := a.names()
	all, errList := a.list()
	if err := errors.Join(errNames, errList); err != nil {
		return left, fmt.Errorf("look for what an earlier life left: %w", err)
	}
	for _, found := range all {
		s := storedAddress{names[found.index], found.prefix}
		if slices.Contains(content.Addresses, s) {
			left.Addresses = append(left.Addresses, LeftAddress(s))
		}
	}
	for _, name := range names {
		if vmacs.Boot == boot && slices.Contains(vmacs.Links, name) {
			left.Interfaces = append(left.Interfaces, name)
		}
	}
	slices.Sort(left.Interfaces)
	for _, p := range content.Paths {
		left.Paths.Routes = append(left.Paths.Routes, p.Routes...)
		left.Paths.Rules = append(left.Paths.Rules, p.Rules...)
	}
	return left, nil
}
