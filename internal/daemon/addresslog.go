package daemon

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
)

// addressRetry is the pause before addresses are watched again after the kernel
// had more to tell than could be taken.
const addressRetry = time.Second

// watchAddresses logs every address that comes or goes, whoever changes it.
func (s *supervisor) watchAddresses(ctx context.Context) {
	known := addressLog{}
	for ctx.Err() == nil {
		if err := s.hearAddresses(ctx, known); err != nil {
			s.warn("address", "watch addresses: "+err.Error(), nil)
		}
		select {
		case <-time.After(addressRetry):
		case <-ctx.Done():
		}
	}
}

// hearAddresses logs until ctx ends or the kernel's news do.
func (s *supervisor) hearAddresses(ctx context.Context, known addressLog) error {
	news := make(chan netlink.AddrUpdate, 64)
	failed := make(chan error, 1)
	err := netlink.AddrSubscribeWithOptions(news, ctx.Done(), netlink.AddrSubscribeOptions{
		ListExisting: len(known) == 0,
		ErrorCallback: func(err error) {
			select {
			case failed <- err:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	for update := range news {
		where := fmt.Sprintf("interface %d", update.LinkIndex)
		if l, err := net.InterfaceByIndex(update.LinkIndex); err == nil {
			where = l.Name
		}
		if what := known.hear(update); what != "" {
			s.info("address", fmt.Sprintf("address %s %s %s", &update.LinkAddress, what, where), map[string]any{"address": update.LinkAddress.String(), "interface": where})
		}
	}
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			return err
		}
	default:
	}
	return nil
}

// addressLog are the addresses that are there, by interface and prefix. A lease
// that is refreshed is no news.
type addressLog map[string]bool

// hear takes in an update and words it, "" when it changes nothing.
func (l addressLog) hear(u netlink.AddrUpdate) string {
	key := fmt.Sprint(u.LinkIndex, " ", u.LinkAddress.String())
	switch {
	case u.NewAddr == l[key]:
		return ""
	case u.NewAddr:
		l[key] = true
		return "added to"
	}
	delete(l, key)
	return "removed from"
}
