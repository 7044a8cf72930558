package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Family is an address family, where no address tells it.
type Family uint8

// Families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// ServiceKey identifies a virtual service in the kernel: protocol and address,
// or a firewall mark of one family. It is comparable.
type ServiceKey struct {
	Protocol Protocol       // 0 for a mark
	Address  netip.AddrPort // port 0 = every port; zero for a mark
	Mark     uint32         // 0 = none
	Family   Family         // of a mark; 0 for an address, which has its own
}

// MarkKey returns the key of a firewall mark.
func MarkKey(mark uint32, f Family) ServiceKey { return ServiceKey{Mark: mark, Family: f} }

// IPv6 reports whether the service is for IPv6 packets.
func (k ServiceKey) IPv6() bool {
	if k.Mark != 0 {
		return k.Family == IPv6
	}
	return k.Address.Addr().Unmap().Is6()
}

// Port is the port that clients use: 0 for every port, and for marks.
func (k ServiceKey) Port() uint16 { return k.Address.Port() }

// IsValid reports whether the key names a service.
func (k ServiceKey) IsValid() bool { return k.Mark != 0 || k.Address.IsValid() }

// String returns "tcp 192.0.2.1:80", "fwmark 7" or "fwmark6 7".
func (k ServiceKey) String() string {
	switch {
	case k.Mark != 0 && k.Family == IPv6:
		return fmt.Sprintf("fwmark6 %d", k.Mark)
	case k.Mark != 0:
		return fmt.Sprintf("fwmark %d", k.Mark)
	}
	return k.Protocol.String() + " " + k.Address.String()
}

// Compare orders keys by protocol, address, port and mark.
func (k ServiceKey) Compare(o ServiceKey) int {
	return cmp.Or(
		cmp.Compare(k.Protocol, o.Protocol), k.Address.Compare(o.Address),
		cmp.Compare(k.Family, o.Family), cmp.Compare(k.Mark, o.Mark),
	)
}

// MarshalText makes keys usable in JSON.
func (k ServiceKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *ServiceKey) UnmarshalText(b []byte) error {
	kind, rest, _ := strings.Cut(string(b), " ")
	if kind == "fwmark" || kind == "fwmark6" {
		return k.unmarshalMark(kind, rest)
	}
	proto, ok := ParseProtocol(kind)
	if !ok {
		return fmt.Errorf("service key %q: unknown protocol", b)
	}
	addr, err := netip.ParseAddrPort(rest)
	if err != nil {
		return fmt.Errorf("service key %q: %w", b, err)
	}
	*k = ServiceKey{Protocol: proto, Address: addr}
	return nil
}

func (k *ServiceKey) unmarshalMark(kind, number string) error {
	mark, err := strconv.ParseUint(number, 10, 32)
	if err != nil || mark == 0 {
		return fmt.Errorf("service key: %q is not a firewall mark", number)
	}
	*k = MarkKey(uint32(mark), IPv4)
	if kind == "fwmark6" {
		k.Family = IPv6
	}
	return nil
}
