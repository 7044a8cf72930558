package track

import (
	"context"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/program"
	"github.com/vipd/vipd/vrrp"
)

// scriptObserver runs a program again and again.
type scriptObserver struct{ conf.TrackScript }

func (o *scriptObserver) id() vrrp.TrackID {
	return vrrp.TrackID{Kind: vrrp.TrackScript, Name: o.Name}
}

func (o *scriptObserver) unnamed() any {
	settings := o.TrackScript
	settings.Name = ""
	return settings
}

func (o *scriptObserver) judge() judge {
	j := judge{rise: o.Rise, fall: o.Fall}
	if o.InitFail {
		j.state = vrrp.TrackDown
	}
	return j
}

func (o *scriptObserver) run(ctx context.Context, tell func(result)) {
	every(ctx, o.Interval, func() {
		r := program.Run(ctx, program.Command{Args: o.Command, Timeout: o.Timeout, User: o.User})
		res := result{good: r.Err == nil, output: r.Output, took: r.Duration}
		if r.Err != nil {
			res.detail = r.Err.Error()
		}
		tell(res)
	})
}
