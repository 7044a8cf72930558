package track

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/probe"
	"github.com/vipd/vipd/vrrp"
)

// pingObserver asks a set of addresses for an echo.
type pingObserver struct{ conf.TrackPing }

func (o *pingObserver) id() vrrp.TrackID { return vrrp.TrackID{Kind: vrrp.TrackPing, Name: o.Name} }

func (o *pingObserver) unnamed() any {
	settings := o.TrackPing
	settings.Name = ""
	return settings
}

// judge holds changes of the whole; losses in a row are counted by target.
func (o *pingObserver) judge() judge {
	return judge{rise: 1, fall: 1, holdUp: o.Hold, holdDown: o.Hold}
}

func (o *pingObserver) run(ctx context.Context, tell func(result)) {
	targets := make([]judge, len(o.Targets))
	for i := range targets {
		targets[i] = judge{rise: o.Rise, fall: o.Fall}
	}
	every(ctx, o.Interval, func() {
		start := time.Now()
		o.round(ctx, targets)
		if res, known := o.count(targets); known {
			res.took = time.Since(start)
			tell(res)
		}
	})
}

// round asks every target once, all at the same time.
func (o *pingObserver) round(ctx context.Context, targets []judge) {
	var asked sync.WaitGroup
	for i := range targets {
		asked.Go(func() {
			if good, known := o.ask(ctx, o.Targets[i]); known {
				targets[i].hear(time.Now(), good)
			}
		})
	}
	asked.Wait()
}

// ask reports whether a target answers. It is not known when this machine could
// not even ask: without the right to ping, all directors would else be in fault.
func (o *pingObserver) ask(ctx context.Context, target netip.Addr) (good, known bool) {
	r := probe.Run(ctx, healthcheck.Key{
		Settings: healthcheck.Settings{Kind: healthcheck.KindPing, Timeout: o.Timeout},
		Target:   netip.AddrPortFrom(target, 0),
	})
	return r.OK(), r.Class != healthcheck.ClassInternal
}

// count adds the targets up. Nothing is known while those without a state
// could still decide.
func (o *pingObserver) count(targets []judge) (result, bool) {
	up, unknown := 0, 0
	var silent []string
	for i := range targets {
		switch targets[i].state {
		case vrrp.TrackUp:
			up++
		case vrrp.TrackDown:
			silent = append(silent, o.Targets[i].String())
		default:
			unknown++
		}
	}
	res := result{good: up >= o.Require}
	res.detail = fmt.Sprintf("%d of %d answer, %d needed", up, len(targets), o.Require)
	if len(silent) > 0 {
		res.detail += "; silent: " + strings.Join(silent, ", ")
	}
	return res, res.good || up+unknown < o.Require
}
