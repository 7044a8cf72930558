package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

// Attributes of a connection sync daemon (linux/ip_vs.h). The port is in host
// order, unlike every other one of IPVS.
const (
	syncState, syncInterface, syncID, syncMaxLen = 1, 2, 3, 4
	syncGroup, syncGroup6, syncPort, syncTTL     = 5, 6, 7, 8
	groupLength                                  = 4 // bytes of an IPv4 group
)

// SyncDaemons lists the connection sync daemons that run.
func (c *Client) SyncDaemons() ([]ipvs.SyncDaemon, error) {
	ds, err := rawRequest(c, (*raw).syncDaemons)
	if err != nil {
		return nil, fmt.Errorf("list connection sync daemons: %w", explain(err))
	}
	return ds, nil
}

// StartSync starts a daemon. The kernel does not answer every request about
// daemons that come and go quickly: what runs afterwards decides.
func (c *Client) StartSync(d ipvs.SyncDaemon) error {
	_, err := rawRequest(c, func(r *raw) (struct{}, error) { return struct{}{}, r.syncCommand(cmdNewDaemon, d) })
	if err == nil {
		return nil
	}
	if _, missing := ipvs.DiffSync(c.runningSync(), []ipvs.SyncDaemon{d}, nil); len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("start connection sync %s: %w", d, explainSync(err))
}

// StopSync stops the daemon of a state; one that does not run is a success.
func (c *Client) StopSync(state ipvs.SyncState) error {
	_, err := rawRequest(c, func(r *raw) (struct{}, error) {
		return struct{}{}, r.syncCommand(cmdDelDaemon, ipvs.SyncDaemon{State: state})
	})
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	for _, d := range c.runningSync() {
		if d.State == state {
			return fmt.Errorf("stop connection sync %s: %w", d, explainSync(err))
		}
	}
	return nil
}

// runningSync is SyncDaemons where failure to list them says nothing.
func (c *Client) runningSync() []ipvs.SyncDaemon {
	ds, err := c.SyncDaemons()
	if err != nil {
		return nil
	}
	return ds
}

// explainSync adds what an error number means to daemons (ip_vs_sync.c).
func explainSync(err error) error {
	for errno, hint := range map[unix.Errno]string{
		unix.ENODEV: "no such interface",
		unix.EINVAL: "the kernel does not accept these settings, or a tunnel destination is of another address family than its service",
		unix.EEXIST: "another one runs",
	} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%s: %w", hint, err)
		}
	}
	return explain(err)
}

// syncLimit is how long to wait for an answer that may never come. What runs
// is read back either way.
const syncLimit = 300 * time.Millisecond

func (r *raw) syncCommand(cmd uint8, d ipvs.SyncDaemon) error {
	hasty := *r
	hasty.limit = min(r.limit, syncLimit)
	_, err := hasty.execute(cmd, netlink.Acknowledge, func(ae *netlink.AttributeEncoder) {
		ae.Nested(attrDaemon, func(n *netlink.AttributeEncoder) error {
			n.Uint32(syncState, uint32(d.State))
			if cmd == cmdDelDaemon {
				return nil
			}
			n.String(syncInterface, d.Interface)
			n.Uint32(syncID, uint32(d.ID))
			if d.MaxLen != 0 {
				n.Uint16(syncMaxLen, d.MaxLen)
			}
			switch {
			case d.Group.Is4():
				n.Bytes(syncGroup, d.Group.AsSlice())
			case d.Group.Is6():
				n.Bytes(syncGroup6, d.Group.AsSlice())
			}
			if d.Port != 0 {
				n.Uint16(syncPort, d.Port)
			}
			if d.TTL != 0 {
				n.Uint8(syncTTL, d.TTL)
			}
			return nil
		})
	})
	return err
}

func (r *raw) syncDaemons() ([]ipvs.SyncDaemon, error) {
	msgs, err := r.execute(cmdGetDaemon, netlink.Dump, nil)
	if err != nil {
		return nil, err
	}
	var out []ipvs.SyncDaemon
	for _, m := range msgs {
		ad, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return nil, err
		}
		for ad.Next() {
			if ad.Type() == attrDaemon {
				ad.Nested(func(n *netlink.AttributeDecoder) error {
					out = append(out, decodeSync(n))
					return nil
				})
			}
		}
		if err := ad.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeSync(n *netlink.AttributeDecoder) ipvs.SyncDaemon {
	var d ipvs.SyncDaemon
	for n.Next() {
		switch n.Type() {
		case syncState:
			d.State = ipvs.SyncState(n.Uint32())
		case syncInterface:
			d.Interface = n.String()
		case syncID:
			d.ID = uint8(n.Uint32())
		case syncMaxLen:
			d.MaxLen = n.Uint16()
		case syncGroup, syncGroup6:
			b := n.Bytes()
			if n.Type() == syncGroup && len(b) > groupLength {
				b = b[:groupLength]
			}
			d.Group, _ = netip.AddrFromSlice(b)
		case syncPort:
			d.Port = n.Uint16()
		case syncTTL:
			d.TTL = n.Uint8()
		}
	}
	return d
}
