package lab

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// VirtualServer is a line of the kernel's IPVS table with the real servers
// below it, as /proc/net/ip_vs prints it (net/netfilter/ipvs/ip_vs_ctl.c).
type VirtualServer struct {
	Protocol  string // TCP, UDP
	Address   netip.AddrPort
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

// IPVS reads the host's IPVS table; it is empty where the kernel has none.
func (h *Host) IPVS() []VirtualServer {
	h.lab.tb.Helper()
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/ip_vs")
		return err
	})
	if err != nil {
		h.lab.tb.Fatalf("read IPVS table of %s: %v", h.Name, err)
	}
	table, err := parseIPVS(string(text))
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

// parseIPVS reads the text form of the table.
func parseIPVS(text string) ([]VirtualServer, error) {
	var out []VirtualServer
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 0; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		switch {
		case n < 3: // three lines of headings
		case len(f) >= 6 && f[0] == "->" && len(out) > 0:
			r, err := parseReal(f[1:])
			if err != nil {
				return nil, err
			}
			v := &out[len(out)-1]
			v.Reals = append(v.Reals, r)
		case len(f) >= 3 && f[0] == "FWM": // by firewall mark: it has no address
			out = append(out, VirtualServer{Protocol: f[0], Scheduler: f[2]})
		case len(f) >= 3:
			addr, err := parseHexAddr(f[1])
			if err != nil {
				return nil, err
			}
			out = append(out, VirtualServer{Protocol: f[0], Address: addr, Scheduler: f[2]})
		default:
			return nil, fmt.Errorf("line %d of the IPVS table: %q", n+1, lines.Text())
		}
	}
	return out, lines.Err()
}

func parseReal(f []string) (RealServer, error) {
	addr, err := parseHexAddr(f[0])
	r := RealServer{Address: addr, Forward: f[1]}
	for i, dst := range []*int{&r.Weight, &r.Active, &r.Inactive} {
		if err == nil {
			*dst, err = strconv.Atoi(f[2+i])
		}
	}
	return r, err
}

// parseHexAddr reads "C0000264:0050".
func parseHexAddr(s string) (netip.AddrPort, error) {
	addr, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(addr)
	if !ok || err != nil || len(b) != 4 {
		return netip.AddrPort{}, fmt.Errorf("address %q in the IPVS table", s)
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q in the IPVS table: %w", s, err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(p)), nil
}
