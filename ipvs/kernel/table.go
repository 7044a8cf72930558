package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"

	lib "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

// listing is one service as the library reads it.
type listing struct {
	lib.ServiceExtended
	service      ipvs.Service
	destinations []lib.DestinationExtended
}

// Table reads the table, sorted. Services by firewall mark are left out.
func (c *Client) Table() (ipvs.Table, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	t := make(ipvs.Table, 0, len(list))
	for _, l := range list {
		e := ipvs.Entry{Service: l.service}
		for _, d := range l.destinations {
			e.Destinations = append(e.Destinations, fromDestination(d.Destination))
		}
		t = append(t, e)
	}
	t.Sort()
	return t, nil
}

// Stats reads the statistics of every service in Table, in the same order.
func (c *Client) Stats() ([]ipvs.ServiceStats, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	out := make([]ipvs.ServiceStats, 0, len(list))
	for _, l := range list {
		s := ipvs.ServiceStats{Key: l.service.Key, Counters: counters(l.Stats, l.Stats64)}
		for _, d := range l.destinations {
			s.Destinations = append(s.Destinations, ipvs.DestinationStats{
				Address:    fromDestination(d.Destination).Address,
				Active:     d.ActiveConnections,
				Inactive:   d.InactiveConnections,
				Persistent: d.PersistentConnections,
				Counters:   counters(d.Stats, d.Stats64),
			})
		}
		slices.SortFunc(s.Destinations, func(a, b ipvs.DestinationStats) int { return a.Address.Compare(b.Address) })
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b ipvs.ServiceStats) int { return a.Key.Compare(b.Key) })
	return out, nil
}

// list reads services and their destinations in the kernel's order. A service
// that goes in between has no destinations.
func (c *Client) list() ([]listing, error) {
	services, err := many(request(c, lib.Client.Services))
	if errors.Is(err, unix.ENOENT) {
		return nil, c.lost()
	}
	if err != nil {
		return nil, fmt.Errorf("list IPVS services: %w", explain(err))
	}
	var out []listing
	for _, s := range services {
		svc, ok := fromService(s.Service)
		if !ok {
			continue
		}
		ds, err := many(request(c, func(conn lib.Client) ([]lib.DestinationExtended, error) {
			return conn.Destinations(s.Service)
		}))
		if err != nil {
			return nil, fmt.Errorf("list destinations of %s: %w", svc.Key, explain(err))
		}
		out = append(out, listing{s, svc, ds})
	}
	return out, nil
}

// many takes the library's word for an empty list, os.ErrNotExist, for what it
// is. The kernel's ENOENT, which passes for the same, stays an error.
func many[T any](list []T, err error) ([]T, error) {
	if errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return list, err
}

// counters takes the 64-bit statistics where the kernel has them (since 4.1);
// the others wrap.
func counters(narrow, wide lib.Stats) ipvs.Counters {
	if wide == (lib.Stats{}) {
		wide = narrow
	}
	return ipvs.Counters{
		Connections: wide.Connections,
		PacketsIn:   wide.IncomingPackets,
		PacketsOut:  wide.OutgoingPackets,
		BytesIn:     wide.IncomingBytes,
		BytesOut:    wide.OutgoingBytes,
	}
}
