package keepalived

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// longestLinkDelay is keepalived's own bound.
const longestLinkDelay = 255 * time.Second

// linkDelays reads lines of an interface, the delay of its going down and that
// of its coming up, by default the same.
func linkDelays(r *reader, s *statement) {
	for _, line := range s.kids {
		r.needs(line.name(), line.where(0))
		down, ok := r.seconds(line, 1)
		up := down
		if ok && line.arg(2) != "" {
			up, ok = r.seconds(line, 2)
		}
		if !ok {
			continue
		}
		if max(down, up) > longestLinkDelay {
			r.invalid(line, 1, "is longer than 255 seconds")
			continue
		}
		if r.delays == nil {
			r.delays = map[string]linkDelay{}
		}
		r.delays[line.name()] = linkDelay{down, up}
	}
}

// linkDelay applies the delays of the instance's interface.
func (r *reader) linkDelay(i *instance, c *vrrp.Config) {
	d, any := r.delays[c.ID.Interface]
	if !any {
		return
	}
	c.LinkDown, c.LinkUp = d.down, d.up
	if longest := c.SilentFor(c.AdvertInterval) - c.AdvertInterval; c.LinkDown >= max(longest, 1) {
		r.warnf(i.at, "link_delay", "", "%s going down counts after %v only in interface_up_down_delays: the other directors take over before; it counts at once", c.ID.Interface, c.LinkDown)
		c.LinkDown = 0
	}
}
