package kernel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// gates shut and open interfaces with virtual MAC addresses; kernelGates are
// the real ones.
type gates interface {
	// plan makes names the interfaces that have a gate, those in shut a shut one.
	plan(names, shut []string) error
	open(name string) error
	shut(name string) error
}

// kernelGates are gates of routing rules and groups of interfaces. What a backup
// receives for the virtual MAC address goes nowhere (RFC 9568 §6.4.2): otherwise
// a backup that forwards would forward what a switch floods, besides the master.
// Nor does it say anything (see muteOutput). Both take effect at once; a change
// of nftables would cost a take-over tens of milliseconds. Adverts pass: what is
// the host's own is looked up before.
type kernelGates struct{}

// gatePriority is behind the rule of the local table.
const gatePriority = 1

func gateRules(name string) [2]vrrp.Rule {
	r := vrrp.Rule{Family: vrrp.IPv4, Priority: gatePriority, In: name, Action: vrrp.RuleBlackhole}
	six := r
	six.Family = vrrp.IPv6
	return [2]vrrp.Rule{r, six}
}

func (g kernelGates) plan(names, shut []string) error {
	var errs []error
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := netlink.RuleList(family)
		if err != nil {
			errs = append(errs, fmt.Errorf("list rules: %w", err))
		}
		for _, r := range rules {
			if r.Protocol == pathProtocol && r.Priority == gatePriority && !slices.Contains(shut, r.IifName) {
				errs = append(errs, removeGateRules(r.IifName))
			}
		}
	}
	for _, name := range shut {
		errs = append(errs, g.shut(name))
	}
	return errors.Join(errs...)
}

func removeGateRules(name string) error {
	var errs []error
	for _, r := range gateRules(name) {
		errs = append(errs, gateError(kernelPaths{}.removeRule(r)))
	}
	return errors.Join(errs...)
}

func (kernelGates) open(name string) error {
	return errors.Join(mute(name, false), removeGateRules(name))
}

func (kernelGates) shut(name string) error {
	errs := []error{mute(name, true)}
	for _, r := range gateRules(name) {
		errs = append(errs, gateError(kernelPaths{}.addRule(r)))
	}
	return errors.Join(errs...)
}

// gateError passes what is not the lack of a family.
func gateError(err error) error {
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// anyIndex stands for whatever interface has the name.
const anyIndex = -1

// gatekeeper knows which gates are open: those of interfaces that hold an
// address. It belongs to the writer.
type gatekeeper struct {
	gates
	names []string
	// opened holds the index that the interface of an open gate had then: one
	// that is made anew has a shut gate.
	opened map[string]int
}

// planned takes over which interfaces have a gate. That of an interface where
// an earlier life left addresses stays open until somebody decides about them.
func (g *gatekeeper) planned(sites map[heldAddress]site, occupied func(iface string) bool) error {
	var names []string
	for _, s := range sites {
		if s.virtual && !slices.Contains(names, s.iface) {
			names = append(names, s.iface)
		}
	}
	slices.Sort(names)
	if slices.Equal(names, g.names) {
		return nil
	}
	g.names = names
	for _, name := range names {
		if g.opened[name] == 0 && occupied(name) {
			g.opened[name] = anyIndex
		}
	}
	shut := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return g.opened[name] != 0 })
	return g.plan(names, shut)
}

// open opens the gate of the interface that has the name and the index, if it
// has a gate.
func (g *gatekeeper) open(name string, index int) error {
	if !slices.Contains(g.names, name) || g.opened[name] == index {
		return nil
	}
	g.opened[name] = index
	return g.gates.open(name)
}

// shut shuts the gate of an interface, if it has one.
func (g *gatekeeper) shut(name string) error {
	if !slices.Contains(g.names, name) || g.opened[name] == 0 {
		return nil
	}
	delete(g.opened, name)
	return g.gates.shut(name)
}
