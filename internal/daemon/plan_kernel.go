package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/netns"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
	"github.com/vipd/vipd/vrrp/kernel"
)

// PlanKernel tells what a start with want would do to the kernel as it is, for
// the case that no daemon runs. It only reads; what an earlier run left is known
// by its records in the runtime directory.
func PlanKernel(want *conf.Config, runtimeDir string) (conf.Plan, error) {
	var table, addresses []conf.Change
	errTable := netns.Do(cmp.Or(want.IPVS.Namespace, want.Global.Namespace), func() (err error) {
		table, err = planTable(want, filepath.Join(runtimeDir, tableRecord))
		return err
	})
	errAddr := netns.Do(want.Global.Namespace, func() (err error) {
		addresses, err = planAddresses(want)
		return err
	})
	left, errLeft := planLeft(want, runtimeDir)
	return conf.Plan{Changes: slices.Concat(addresses, left, table)}, errors.Join(errTable, errAddr, errLeft)
}

// planTable compares the IPVS table: real servers without a verdict keep the
// weight that the kernel has.
func planTable(want *conf.Config, record string) ([]conf.Change, error) {
	if _, err := os.Stat(record); err != nil && len(want.Services) == 0 {
		return nil, nil
	}
	client, err := ipvskernel.Open()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	rec, err := ipvskernel.NewReconciler(client, record)
	if err != nil {
		return nil, err
	}
	have, err := client.Table()
	if err != nil {
		return nil, fmt.Errorf("read IPVS table: %w", err)
	}
	unknown := func(netip.AddrPort) ipvs.Verdict { return ipvs.Unknown }
	index := have.Index()
	var desired ipvs.Table
	for _, s := range want.Services {
		d := ipvs.NewPool(s.Config).Decide(ipvs.Inputs{Verdict: unknown, Have: index.Find})
		desired = append(desired, d.Entries...)
	}
	var out []conf.Change
	for _, op := range ipvs.Diff(have, desired, rec.Owned()) {
		out = append(out, planOp(op))
	}
	return out, nil
}

// planOp shows one operation on the table as a change.
func planOp(op ipvs.Op) conf.Change {
	c := conf.Change{Action: conf.ActionRetune, Object: "ipvs", Name: op.String()}
	switch op.Kind {
	case ipvs.AddService, ipvs.AddDestination:
		c.Action = conf.ActionAdd
	case ipvs.RemoveDestination, ipvs.RemoveService:
		c.Action, c.Disrupts = conf.ActionRemove, true
		c.Impact = []string{"established connections are dropped, if there are any"}
	}
	return c
}

// planLeft tells what of an earlier run goes because nobody wants it any more.
func planLeft(want *conf.Config, runtimeDir string) (out []conf.Change, err error) {
	left, err := kernel.ReadLeft(runtimeDir)
	if err != nil {
		return nil, err
	}
	remove := func(object, name string, disrupts bool) {
		out = append(out, conf.Change{
			Action: conf.ActionRemove, Object: object, Name: name, Disrupts: disrupts, Impact: []string{"was left by an earlier run, and no instance wants it"},
		})
	}
	unwanted := left.Unwanted(want.Routers)
	for _, a := range unwanted.Addresses {
		remove("address", fmt.Sprintf("%s on %s", a.Address, a.Interface), true)
	}
	for _, name := range unwanted.Interfaces {
		remove("interface", name, false)
	}
	for _, r := range unwanted.Paths.Routes {
		remove("route", r.Destination.String(), false)
	}
	for _, r := range unwanted.Paths.Rules {
		remove("rule", fmt.Sprintf("with priority %d", r.Priority), false)
	}
	return out, nil
}

// planAddresses tells which virtual addresses are on this host now.
func planAddresses(want *conf.Config) ([]conf.Change, error) {
	var out []conf.Change
	var errs []error
	for _, r := range want.Routers {
		c := conf.Change{Action: conf.ActionAdd, Object: "vrrp_instance", Name: r.Name}
		link, err := netlink.LinkByName(r.ID.Interface)
		var absent netlink.LinkNotFoundError
		switch {
		case errors.As(err, &absent):
			c.Impact = []string{fmt.Sprintf("waits in fault until interface %s exists", r.ID.Interface)}
		case err != nil:
			errs = append(errs, fmt.Errorf("look up interface %s: %w", r.ID.Interface, err))
			continue
		default:
			c.Impact = []string{"starts as backup; the first advert or the master-down timer decides"}
			found, err := presentAddresses(link, r.Held())
			if err != nil {
				errs = append(errs, err)
			}
			for _, a := range found {
				c.Impact = append(c.Impact, fmt.Sprintf("%s is on %s already and stays until then", a, r.ID.Interface))
			}
		}
		out = append(out, c)
	}
	return out, errors.Join(errs...)
}

// presentAddresses returns those of the addresses that the interface has.
func presentAddresses(link netlink.Link, want []netip.Prefix) ([]netip.Prefix, error) {
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, err)
	}
	have := make(map[netip.Addr]bool, len(list))
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			have[ip.Unmap()] = true
		}
	}
	var out []netip.Prefix
	for _, p := range want {
		if have[p.Addr()] {
			out = append(out, p)
		}
	}
	return out, nil
}
