package daemon

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/vipd/vipd/internal/daemon/succession"
	"github.com/vipd/vipd/ipvs"
)

// checkerState is what one checker role leaves to the next. What belongs to us
// in the kernel's table stands in the runtime record.
type checkerState struct {
	Config checkerConfig // with what the probes know
	Pools  []poolMemory
}

// poolMemory is the memory of one virtual server.
type poolMemory struct {
	Key  ipvs.ServiceKey
	Pool ipvs.PoolImage
}

// yield lets another process go on. Nothing is written to the kernel from the
// moment that the state is taken; after an error this role goes on.
func (c *checkerRole) yield(o yieldOrder) error {
	p, err := succession.Dial(o.Socket, versions(), rehearsalBound)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := c.sendState(p); err != nil {
		return err
	}
	return c.table.still(func() error {
		return c.sync.still(func() error {
			if err := c.sendState(p); err != nil {
				return err
			}
			return p.Go()
		})
	})
}

func (c *checkerRole) sendState(p *succession.Predecessor) error {
	body, err := encodeState(p.Version(), c.state())
	if err != nil {
		return err
	}
	return p.Send(body, nil, rehearsalBound)
}

// state is what this role would leave now.
func (c *checkerRole) state() checkerState {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := checkerState{Config: c.config}
	st.Config.Memory = c.memories()
	st.Config.Overrides, st.Config.Instances = c.pools.last, c.instances
	for _, s := range c.pools.services {
		st.Pools = append(st.Pools, poolMemory{s.Key, c.pools.byKey[s.Key].pool.Image()})
	}
	return st
}

// succeedChecker is runChecker for a process that goes on where another one
// stands.
func succeedChecker(ctx context.Context, conn io.ReadWriteCloser, opt Options, listener *os.File) error {
	verify := func(version int, body json.RawMessage, fds []int) (st checkerState, err error) {
		succession.Close(fds)
		return st, decodeState(version, body, &st)
	}
	st, err := succession.Await(listener, versions(), verify, func(checkerState) {})
	if err != nil {
		return err
	}
	c := newCheckerRole(conn, opt)
	return c.serve(ctx, func() { c.inherit(st) })
}

// inherit goes on with a state.
func (c *checkerRole) inherit(st checkerState) {
	c.configureWith(st.Config, func() {
		for _, m := range st.Pools {
			if p := c.pools.byKey[m.Key]; p != nil {
				p.pool.Restore(m.Pool)
			}
		}
	})
	c.retell.Store(true)
}
