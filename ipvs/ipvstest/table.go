package ipvstest

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/vipd/vipd/ipvs"
)

// MustTable builds a table from lines: "tcp 192.0.2.9:80 wlc" or "fwmark 7 wlc" starts a service
// with its scheduler, "192.0.2.1:80 3 direct" adds a destination with weight
// and forwarding to it. It panics on anything else.
func MustTable(lines ...string) ipvs.Table {
	var t ipvs.Table
	for _, l := range lines {
		var first, second, third string
		if _, err := fmt.Sscan(l, &first, &second, &third); err != nil {
			panic(fmt.Sprintf("line %q: %v", l, err))
		}
		if _, ok := ipvs.ParseProtocol(first); ok || strings.HasPrefix(first, "fwmark") {
			t = append(t, ipvs.Entry{Service: ipvs.Service{Key: MustKey(first + " " + second), Scheduler: third}})
			continue
		}
		last := &t[len(t)-1]
		last.Destinations = append(last.Destinations, mustDestination(first, second, third))
	}
	return t
}

// MustKey reads "tcp 192.0.2.9:80". It panics on anything else.
func MustKey(text string) ipvs.ServiceKey {
	var k ipvs.ServiceKey
	if err := k.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return k
}

func mustDestination(address, weight, forward string) ipvs.Destination {
	d := ipvs.Destination{Address: netip.MustParseAddrPort(address)}
	if _, err := fmt.Sscan(weight, &d.Weight); err != nil {
		panic(fmt.Sprintf("weight %q: %v", weight, err))
	}
	for _, f := range []ipvs.Forward{ipvs.Masquerade, ipvs.Direct, ipvs.Tunnel} {
		if f.String() == forward {
			d.Forward = f
			return d
		}
	}
	panic(fmt.Sprintf("forwarding %q", forward))
}
