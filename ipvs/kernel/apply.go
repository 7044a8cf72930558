package kernel

import (
	"errors"

	lib "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

// Apply carries out one operation. Adding what exists already edits it,
// removing what is gone already is a success. An error is an *OpError.
func (c *Client) Apply(o ipvs.Op) error {
	if err := c.apply(o); err != nil {
		return &OpError{Op: o, Err: err}
	}
	return nil
}

func (c *Client) apply(o ipvs.Op) error {
	svc, err := toService(o.Service)
	if err != nil {
		return err
	}
	switch o.Kind {
	case ipvs.AddService, ipvs.EditService, ipvs.RemoveService:
		return c.applyService(o, svc)
	}
	dst, err := toDestination(o.Destination, svc)
	if err != nil {
		return err
	}
	return c.applyDestination(o.Kind, svc, dst)
}

func (c *Client) applyService(o ipvs.Op, svc lib.Service) error {
	var err error
	switch o.Kind {
	case ipvs.AddService:
		err = c.writeService(o.Service, cmdNewService, func(conn lib.Client) error { return conn.CreateService(svc) })
		if errors.Is(err, unix.EEXIST) {
			o.Kind = ipvs.EditService
			return c.applyService(o, svc)
		}
	case ipvs.EditService:
		err = c.writeService(o.Service, cmdSetService, func(conn lib.Client) error { return conn.UpdateService(svc) })
	case ipvs.RemoveService:
		err = gone(c.do(func(conn lib.Client) error { return conn.RemoveService(svc) }))
	}
	if errors.Is(err, unix.ENOENT) {
		return noModule(o.Service, err)
	}
	return explain(err)
}

// writeService adds or edits a service, by the library unless it needs what
// the library lacks.
func (c *Client) writeService(s ipvs.Service, cmd uint8, call func(lib.Client) error) error {
	if s.Engine == "" {
		return c.do(call)
	}
	_, err := rawRequest(c, func(r *raw) (struct{}, error) { return struct{}{}, r.writeService(cmd, s) })
	return err
}

func (c *Client) applyDestination(kind ipvs.Kind, svc lib.Service, dst lib.Destination) error {
	var err error
	switch kind {
	case ipvs.AddDestination:
		err = c.do(func(conn lib.Client) error { return conn.CreateDestination(svc, dst) })
		if errors.Is(err, unix.EEXIST) {
			return c.applyDestination(ipvs.EditDestination, svc, dst)
		}
	case ipvs.RemoveDestination:
		err = gone(c.do(func(conn lib.Client) error { return conn.RemoveDestination(svc, dst) }))
	default:
		err = c.do(func(conn lib.Client) error { return conn.UpdateDestination(svc, dst) })
	}
	return explain(err)
}

func (c *Client) do(call func(lib.Client) error) error {
	_, err := request(c, func(conn lib.Client) (struct{}, error) { return struct{}{}, call(conn) })
	return err
}

// gone turns the answer to the removal of what is not there into success:
// ESRCH for a service, ENOENT for a destination.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
