package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
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

// Empty reports whether there is nothing.
func (l Left) Empty() bool {
	return len(l.Addresses)+len(l.Interfaces)+len(l.Paths.Routes)+len(l.Paths.Rules) == 0
}

// leftNamed is how many things of a kind String names.
const leftNamed = 5

// String names some of the addresses and interfaces and counts the rest.
func (l Left) String() string {
	var parts []string
	for i, a := range l.Addresses {
		if i == leftNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(l.Addresses)-i))
			break
		}
		parts = append(parts, a.Address.String()+" on "+a.Interface)
	}
	if len(l.Interfaces) > 0 {
		parts = append(parts, "interfaces "+strings.Join(l.Interfaces[:min(leftNamed, len(l.Interfaces))], ", "))
	}
	if n := len(l.Paths.Routes) + len(l.Paths.Rules); n > 0 {
		parts = append(parts, fmt.Sprintf("%d routes and rules", n))
	}
	return strings.Join(parts, ", ")
}

// ReadRecorded reads the records in a runtime directory: what vipd has put up and
// not yet removed, whether it is still there or not. The kernel is not asked.
// Records of another boot say nothing.
func ReadRecorded(runtimeDir string) (left Left, err error) {
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
	for _, a := range content.Addresses {
		left.Addresses = append(left.Addresses, LeftAddress(a))
	}
	if vmacs.Boot == boot {
		left.Interfaces = slices.Sorted(slices.Values(vmacs.Links))
	}
	for _, p := range content.Paths {
		left.Paths.Routes = append(left.Paths.Routes, p.Routes...)
		left.Paths.Rules = append(left.Paths.Rules, p.Rules...)
	}
	return left, nil
}

// ReadLeft is what is recorded and there.
func ReadLeft(runtimeDir string) (Left, error) {
	left, err := ReadRecorded(runtimeDir)
	if err != nil || left.Empty() {
		return left, err
	}
	a, err := openAddresses()
	if err != nil {
		return Left{}, err
	}
	defer a.close()
	names, errNames := a.names()
	all, errList := a.list()
	if err := errors.Join(errNames, errList); err != nil {
		return Left{}, fmt.Errorf("look for what an earlier life left: %w", err)
	}
	there := make(map[LeftAddress]bool)
	for _, found := range all {
		there[LeftAddress{names[found.index], found.prefix}] = true
	}
	left.Addresses = slices.DeleteFunc(left.Addresses, func(l LeftAddress) bool { return !there[l] })
	left.Interfaces = slices.DeleteFunc(left.Interfaces, func(name string) bool {
		return !slices.Contains(slices.Collect(maps.Values(names)), name)
	})
	return left, nil
}

// RemoveLeft removes what an earlier life has left, as a start does that wants
// nothing, and waits for that at most d. No other process may use the records.
func RemoveLeft(runtimeDir string, d time.Duration, observe func(runner.AddressEvent)) error {
	k, err := Open(Options{RuntimeDir: runtimeDir, Feed: func(vrrp.Event) {}, Observe: observe})
	if err != nil {
		return err
	}
	k.Claim(nil)
	return errors.Join(k.links.Flush(d), k.Close())
}
