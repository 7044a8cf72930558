package kernel

import (
	"fmt"
	"time"

	lib "github.com/cloudflare/ipvs"

	"github.com/vipd/vipd/ipvs"
)

// Timeouts reads how long idle connections are kept.
func (c *Client) Timeouts() (ipvs.Timeouts, error) {
	cfg, err := request(c, lib.Client.Config)
	if err != nil {
		return ipvs.Timeouts{}, fmt.Errorf("read IPVS timeouts: %w", explain(err))
	}
	s := func(n uint32) time.Duration { return time.Duration(n) * time.Second }
	return ipvs.Timeouts{TCP: s(cfg.TCPTimeout), TCPFin: s(cfg.TCPFinTimeout), UDP: s(cfg.UDPTimeout)}, nil
}

// SetTimeouts changes those that are not 0.
func (c *Client) SetTimeouts(t ipvs.Timeouts) error {
	s := func(d time.Duration) uint32 { return uint32(d / time.Second) }
	err := c.do(func(conn lib.Client) error {
		return conn.SetConfig(lib.Config{TCPTimeout: s(t.TCP), TCPFinTimeout: s(t.TCPFin), UDPTimeout: s(t.UDP)})
	})
	if err != nil {
		return fmt.Errorf("set IPVS timeouts: %w", explain(err))
	}
	return nil
}
