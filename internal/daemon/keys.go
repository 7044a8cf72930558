package daemon

import (
	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

// What makes two configured objects the same one across a reload.

func routerKey(c vrrp.Config) vrrp.RouterID { return c.ID }
func routerName(c vrrp.Config) string       { return c.Name }

func serviceKey(s conf.Service) ipvs.ServiceKey { return s.Key }
func serviceName(s conf.Service) string         { return s.Name }
