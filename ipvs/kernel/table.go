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

// Table reads the table, sorted.
func (c *Client) Table() (ipvs.Table, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	return table(list), nil
}

// Snapshot reads the table and the statistics of its services, in the same
// order and at the same moment.
func (c *Client) Snapshot() (ipvs.Table, []ipvs.ServiceStats, error) {
	list, err := c.list()
	if err != nil {
		return nil, nil, err
	}
	return table(list), statistics(list), nil
}

func table(list []listing) ipvs.Table {
	t := make(ipvs.Table, 0, len(list))
	for _, l := range list {
		e := ipvs.Entry{Service: l.service, Destinations: make([]ipvs.Destination, 0, len(l.destinations))}
		for _, d := range l.destinations {
			e.Destinations = append(e.Destinations, fromDestination(d.Destination))
		}
		t = append(t, e)
	}
	t.Sort()
	return t
}

func statistics(list []listing) []ipvs.ServiceStats {
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
	return out
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
	engines, err := c.engines(services)
	if err != nil {
		return nil, err
	}
	out := make([]listing, 0, len(services))
	for _, s := range services {
		svc := fromService(s.Service)
		svc.Engine = engines[svc.Key]
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

// engines reads the persistence engines, when any service can have one.
func (c *Client) engines(services []lib.ServiceExtended) (map[ipvs.ServiceKey]string, error) {
	persistent := func(s lib.ServiceExtended) bool { return s.Flags&lib.ServicePersistent != 0 }
	if !slices.ContainsFunc(services, persistent) {
		return nil, nil
	}
	out, err := rawRequest(c, (*raw).engines)
	if err != nil {
		return nil, fmt.Errorf("list persistence engines: %w", explain(err))
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
