package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// standbyOrders remembers across restarts which instances an operator put on
// standby. Orders are kept by name: an instance may change its identity.
type standbyOrders struct {
	mu     sync.Mutex
	path   string
	orders []api.Standby
}

// openStandbyOrders reads the orders. It returns none with an error; presume is
// to follow.
func openStandbyOrders(stateDir string) (*standbyOrders, error) {
	o := &standbyOrders{path: filepath.Join(stateDir, "standby.json")}
	if err := readState(o.path, &o.orders); err != nil {
		o.orders = nil
		return o, fmt.Errorf("standby orders are lost, every instance is on standby until `vipd active`: %w", err)
	}
	return o, nil
}

// presume puts every instance on standby after the orders were lost: to start as
// master against one would be dangerous, as somebody may be at work on this
// machine. An instance that nobody else serves still becomes master.
func (o *standbyOrders) presume(c *conf.Config) {
	var names []string
	for _, r := range c.Routers {
		if !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
			o.orders = append(o.orders, api.Standby{Instance: r.Name, Reason: "the standby orders were lost", Since: time.Now()})
		}
	}
}

// change replaces the orders by what edit makes of them, durably. The mutex is
// held meanwhile: edit must take no other one.
func (o *standbyOrders) change(edit func([]api.Standby) []api.Standby) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	orders := edit(slices.Clone(o.orders))
	if err := writeState(o.path, orders, 0o644); err != nil {
		return err
	}
	o.orders = orders
	return nil
}

// all returns a copy of the orders.
func (o *standbyOrders) all() []api.Standby {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.orders)
}

// list returns the orders for the virtual routers of a configuration. An order
// for one member of a group is one for all.
func (o *standbyOrders) list(c *conf.Config) []vrrp.Standby {
	var out []vrrp.Standby
	for _, order := range o.all() {
		names := groupNames(c, order.Instance)
		for _, r := range c.Routers {
			if slices.Contains(names, r.Name) {
				out = append(out, vrrp.Standby{ID: r.ID, Reason: order.Reason, Force: order.Force})
			}
		}
	}
	return out
}

// groupNames returns an instance and those that are in a group with it.
func groupNames(c *conf.Config, name string) []string {
	names := []string{name}
	for _, g := range c.Groups {
		var members []string
		for _, r := range c.Routers {
			if slices.Contains(g.Members, r.ID) {
				members = append(members, r.Name)
			}
		}
		if slices.Contains(members, name) {
			names = append(names, members...)
		}
	}
	return names
}

// groupsOf returns the groups in the form of the engine.
func groupsOf(c *conf.Config) []vrrp.Group {
	var all []vrrp.Group
	for _, g := range c.Groups {
		all = append(all, g.Group)
	}
	return all
}

// targets returns the instances that a request is about, each group by its
// first member.
func (s *supervisor) targets(r api.StandbyRequest) ([]string, error) {
	var known, all []string
	done := map[string]bool{}
	c := s.config()
	for _, router := range c.Routers {
		known = append(known, router.Name)
		if done[router.Name] {
			continue
		}
		for _, name := range groupNames(c, router.Name) {
			done[name] = true
		}
		all = append(all, router.Name)
	}
	switch {
	case r.All:
		return all, nil
	case !slices.Contains(known, r.Instance):
		return nil, fmt.Errorf("there is no instance %q; the instances are %s", r.Instance, strings.Join(slices.Compact(known), ", "))
	}
	return []string{r.Instance}, nil
}

// putOnStandby orders instances to leave mastership.
func (s *supervisor) putOnStandby(ctx context.Context, r api.StandbyRequest) error {
	names, err := s.targets(r)
	if err != nil {
		return err
	}
	c, now := s.config(), time.Now()
	err = s.standby.change(func(orders []api.Standby) []api.Standby {
		for _, name := range names {
			order := api.Standby{Instance: name, Reason: r.Reason, Force: r.Force, Since: now}
			if r.For > 0 {
				order.Until = now.Add(r.For)
			}
			orders = append(withoutInstance(c, orders, name), order)
		}
		return orders
	})
	if err != nil {
		return err
	}
	s.info("standby", "on standby: "+strings.Join(names, ", "), map[string]any{"instances": names, "reason": r.Reason, "force": r.Force, "for": r.For.String()})
	return s.sendStandby(ctx)
}

// takeBack ends standby orders.
func (s *supervisor) takeBack(ctx context.Context, r api.StandbyRequest) error {
	names, err := s.targets(r)
	if err != nil {
		return err
	}
	c := s.config()
	err = s.standby.change(func(orders []api.Standby) []api.Standby {
		for _, name := range names {
			orders = withoutInstance(c, orders, name)
		}
		return orders
	})
	if err != nil {
		return err
	}
	s.info("standby", "active again: "+strings.Join(names, ", "), map[string]any{"instances": names})
	return s.sendStandby(ctx)
}

// withoutInstance returns the orders that are not about an instance or its
// group.
func withoutInstance(c *conf.Config, orders []api.Standby, name string) []api.Standby {
	names := groupNames(c, name)
	return slices.DeleteFunc(orders, func(o api.Standby) bool { return slices.Contains(names, o.Instance) })
}

// sendStandby gives the router role the orders in force. One between two lives
// gets them with its configuration.
func (s *supervisor) sendStandby(ctx context.Context) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	err := s.router.call(ctx, callStandBy, s.standby.list(s.config()), nil)
	if errors.Is(err, errNotRunning) {
		return nil
	}
	return err
}

// expireEvery is how often orders with an end are looked at.
const expireEvery = time.Second

// expireStandby ends orders whose time is over, until ctx ends.
func (s *supervisor) expireStandby(ctx context.Context) {
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.expire(ctx, now)
		}
	}
}

func (s *supervisor) expire(ctx context.Context, now time.Time) {
	for _, o := range s.standby.all() {
		if o.Until.IsZero() || now.Before(o.Until) {
			continue
		}
		c := s.config()
		err := s.standby.change(func(orders []api.Standby) []api.Standby { return withoutInstance(c, orders, o.Instance) })
		if err == nil {
			s.info("standby", "the time is over, active again: "+o.Instance, map[string]any{"instance": o.Instance})
			err = s.sendStandby(ctx)
		}
		if err != nil {
			s.warn("standby", fmt.Sprintf("end standby of %s: %v", o.Instance, err), nil)
		}
	}
}
