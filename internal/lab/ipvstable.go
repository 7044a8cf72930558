package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"github.com/cloudflare/ipvs"
)

// VirtualServer is a service of the kernel's IPVS table with its real servers,
// named as ipvsadm and /proc/net/ip_vs do.
type VirtualServer struct {
	Protocol  string         // TCP, UDP, SCTP, or FWM: by firewall mark
	Address   netip.AddrPort // none by firewall mark
	Scheduler string
	Reals     []RealServer
}

// RealServer is one destination of a virtual server.
type RealServer struct {
	Address          netip.AddrPort
	Forward          string // Route, Masq, Tunnel, Local
	Weight           int
	Active, Inactive int // connections
}

// Weights maps real servers, "192.0.2.11:80", to their weights.
func (v VirtualServer) Weights() map[string]int {
	out := map[string]int{}
	for _, r := range v.Reals {
		out[r.Address.String()] = r.Weight
	}
	return out
}

// IPVS reads the host's IPVS table, sorted; it is empty where the kernel has none.
// It asks by netlink: the text in /proc/net/ip_vs lacks services when it is read in
// parts while other namespaces have some, which the kernel counts in one place
// and not in the other (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_array).
func (h *Host) IPVS() []VirtualServer {
	h.lab.tb.Helper()
	var table []VirtualServer
	err := h.Do(func() (err error) {
		table, err = readIPVS()
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("read IPVS table of %s: %v", h.Name, err)
	}
	return table
}

// VirtualServer returns the virtual server at an address, "192.0.2.100:80".
func (h *Host) VirtualServer(address string) (VirtualServer, error) {
	h.lab.tb.Helper()
	table := h.IPVS()
	for _, v := range table {
		if v.Address.String() == address {
			return v, nil
		}
	}
	return VirtualServer{}, fmt.Errorf("%s has no virtual server %s among %d", h.Name, address, len(table))
}

// readIPVS reads the table of the calling thread's namespace. The library calls
// an empty list os.ErrNotExist.
func readIPVS() ([]VirtualServer, error) {
	client, err := ipvs.New()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c, ok := client.(io.Closer); ok {
		defer c.Close()
	}
	services, err := client.Services()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var table []VirtualServer
	for _, s := range services {
		reals, err := client.Destinations(s.Service)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		table = append(table, virtualServer(s.Service, reals))
	}
	slices.SortFunc(table, func(a, b VirtualServer) int { return a.Address.Compare(b.Address) })
	return table, nil
}

func virtualServer(s ipvs.Service, reals []ipvs.DestinationExtended) VirtualServer {
	v := VirtualServer{Protocol: s.Protocol.String(), Address: netip.AddrPortFrom(s.Address, s.Port), Scheduler: s.Scheduler}
	if s.FWMark != 0 {
		v.Protocol, v.Address = "FWM", netip.AddrPort{}
	}
	forward := map[ipvs.ForwardType]string{ipvs.Masquerade: "Masq", ipvs.Local: "Local", ipvs.Tunnel: "Tunnel", ipvs.DirectRoute: "Route"}
	for _, r := range reals {
		v.Reals = append(v.Reals, RealServer{
			Address: netip.AddrPortFrom(r.Address, r.Port), Forward: forward[r.FwdMethod],
			Weight: int(r.Weight), Active: int(r.ActiveConnections), Inactive: int(r.InactiveConnections),
		})
	}
	slices.SortFunc(v.Reals, func(a, b RealServer) int { return a.Address.Compare(b.Address) })
	return v
}
