package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vipd/vipd/vrrp"
)

// Heirs is an engine that another process goes on with before every event, or
// every so many: its image, written and read as the processes do it. It decides
// as one engine would.
type Heirs struct {
	*vrrp.Engine
	Every  int // events; 0 is 1
	events int
}

// Step implements Engine. An engine that is leaving goes on itself.
func (h *Heirs) Step(now time.Time, ev vrrp.Event) vrrp.Output {
	if h.events++; h.events%max(1, h.Every) == 0 {
		heir, err := succeed(h.Engine)
		switch {
		case err == nil:
			h.Engine = heir
		case !errors.Is(err, vrrp.ErrLeaving):
			panic(err) // as any other broken invariant of the engine does
		}
	}
	return h.Engine.Step(now, ev)
}

// succeed returns what another process makes of an engine.
func succeed(e *vrrp.Engine) (*vrrp.Engine, error) {
	image, err := e.Image()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(image)
	if err != nil {
		return nil, fmt.Errorf("write image: %w", err)
	}
	var received vrrp.Image
	if err := json.Unmarshal(b, &received); err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	return vrrp.Restore(&received)
}
