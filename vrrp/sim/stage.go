package sim

import (
	"errors"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Stage lets a world run whole daemons instead of bare engines, in a time that
// passes by itself. The world belongs to one goroutine at a time; a stage
// whose daemons have their own sees to that.
type Stage interface {
	// Start starts a daemon on the host and returns it with its engine, which
	// the world asks for its state while nothing moves.
	Start(h *Host) (Daemon, Engine)
	// Settle waits until no daemon has anything more to do at this instant.
	Settle()
	// Run lets the world run until the instant by means of Next and Advance.
	Run(w *World, until time.Duration)
}

// Daemon is one that runs on a stage.
type Daemon interface {
	// Feed gives it an event: a packet, news of its host, an order.
	Feed(vrrp.Event)
	// Pause freezes it, or lets it go on.
	Pause(bool)
	// Kill ends it at once.
	Kill()
}

// Host is a node as its daemon sees it.
type Host struct{ node *node }

// errDown is the error of an advert on an interface that is down.
var errDown = errors.New("network is down")

// Time returns what the host's clock shows at the instant at.
func (h *Host) Time(at time.Duration) time.Time { return h.node.clock.local(at) }

// Act carries out one action at the instant at. It fails for an advert that
// cannot be sent.
func (h *Host) Act(at time.Duration, a vrrp.Action) error {
	h.node.world.now = max(h.node.world.now, at)
	if !h.node.act(a, false) {
		return errDown
	}
	return nil
}

// Ended tells that the daemon has ended by itself, after a vrrp.Stop.
func (h *Host) Ended() { h.node.die() }
