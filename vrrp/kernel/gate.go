package kernel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// gates shut and open interfaces with virtual MAC addresses; ruleGates are the
// real ones.
type gates interface {
	// plan makes names the interfaces that have a gate, those in shut a shut one.
	plan(names, shut []string) error
	open(name string) error
	shut(name string) error
}

// ruleGates are gates of routing rules: what a backup receives for the virtual
// MAC address goes nowhere (RFC 9568 §6.4.2). Otherwise a backup that forwards
// would forward what a switch floods, besides the master. A rule takes effect
// at once; a change of nftables would cost a take-over tens of milliseconds.
// Adverts pass: what is the host's own is looked up before.
type ruleGates struct{}

// gatePriority is behind the rule of the local table.
const gatePriority = 1

func gateRules(name string) [2]vrrp.Rule {
	r := vrrp.Rule{Family: vrrp.IPv4, Priority: gatePriority, In: name, Action: vrrp.RuleBlackhole}
	six := r
	six.Family = vrrp.IPv6
	return [2]vrrp.Rule{r, six}
}

func (g ruleGates) plan(names, shut []string) error {
	var errs []error
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := netlink.RuleList(family)
		if err != nil {
			errs = append(errs, fmt.Errorf("list rules: %w", err))
		}
		for _, r := range rules {
			if r.Protocol == pathProtocol && r.Priority == gatePriority && !slices.Contains(shut, r.IifName) {
				errs = append(errs, g.open(r.IifName))
			}
		}
	}
	for _, name := range shut {
		errs = append(errs, g.shut(name))
	}
	return errors.Join(errs...)
}

func (ruleGates) open(name string) error {
	var errs []error
	for _, r := range gateRules(name) {
		errs = append(errs, gateError(kernelPaths{}.removeRule(r)))
	}
	return errors.Join(errs...)
}

func (ruleGates) shut(name string) error {
	var errs []error
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

// gatekeeper knows which gates are open: those of interfaces that hold an
// address. It belongs to the writer.
type gatekeeper struct {
	gates
	names  []string
	opened map[string]bool
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
		g.opened[name] = g.opened[name] || occupied(name)
	}
	shut := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return g.opened[name] })
	return g.plan(names, shut)
}

// set opens or shuts the gate of an interface, if it has one.
func (g *gatekeeper) set(name string, open bool) error {
	if !slices.Contains(g.names, name) || g.opened[name] == open {
		return nil
	}
	g.opened[name] = open
	if open {
		return g.open(name)
	}
	return g.shut(name)
}
