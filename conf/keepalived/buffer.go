package keepalived

import (
	"math"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// buffer is the size of a receive buffer.
type buffer struct {
	size  *int
	force *bool
}

func (b buffer) build() conf.Buffer {
	if b.size == nil {
		return conf.Buffer{}
	}
	return conf.Buffer{Size: *b.size, Force: or(b.force, false)}
}

// bufferKeywords size the sockets to the kernel.
func bufferKeywords() []*keyword {
	pair := func(name string, of func(*globals) *buffer) []*keyword {
		return many(
			does(name, integer(1, math.MaxInt32, global(func(g *globals) **int { return &of(g).size }))),
			does(name+"_force", toggle(global(func(g *globals) **bool { return &of(g).force }))),
		)
	}
	return concat(
		pair("vrrp_netlink_cmd_rcv_bufs", func(g *globals) *buffer { return &g.answers }),
		pair("vrrp_netlink_monitor_rcv_bufs", func(g *globals) *buffer { return &g.notices }),
		pair("process_monitor_rcv_bufs", func(g *globals) *buffer { return &g.processBuffer }),
		many(
			does("vrrp_rx_bufs_policy", readReceivePolicy),
			does("vrrp_rx_bufs_multiplier", once(integer(1, math.MaxUint16, global(func(g *globals) **int { return &g.receive.multiplier })))),
		),
		without("the IPVS of the kernel waits with its answers until they are read", "lvs_netlink_cmd_rcv_bufs", "lvs_netlink_cmd_rcv_bufs_force"),
		without("the checker learns from the router which addresses are here", "lvs_netlink_monitor_rcv_bufs", "lvs_netlink_monitor_rcv_bufs_force"),
	)
}

// receivePolicy says how large the buffers are that adverts arrive in: a number
// of octets, or a multiple of the MTU or of the size of an advert.
type receivePolicy struct {
	word       string // MTU, ADVERT or ""
	octets     *int
	multiplier *int
}

// usualMultiplier is keepalived's default.
const usualMultiplier = 3

// readReceivePolicy reads "MTU", "ADVERT" or a number.
func readReceivePolicy(r *reader, s *statement) {
	word, ok := r.value(s, 1)
	switch {
	case !ok:
	case word == "MTU" || word == "ADVERT":
		r.global.receive.word = word
	default:
		if n, ok := r.number(s, 1, 1, math.MaxInt32); ok {
			r.global.receive.octets = &n
		}
	}
}

// receiveBuffer is the instance's part of the buffer.
func (r *reader) receiveBuffer(i *instance, c *vrrp.Config) vrrp.ReceiveBuffer {
	policy := r.global.receive
	if own := first(i.receiveBuffer, policy.octets); own != nil {
		return vrrp.ReceiveBuffer{Octets: *own}
	}
	n := or(policy.multiplier, usualMultiplier)
	switch policy.word {
	case "MTU":
		return vrrp.ReceiveBuffer{MTUs: n}
	case "ADVERT":
		return vrrp.ReceiveBuffer{Octets: n * c.AdvertSize()}
	}
	return vrrp.ReceiveBuffer{}
}
