package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The interface of the virtual router and the other end of its wire.
const (
	iface = "size0"
	wire  = "wire0"
)

// daemon is a program under measurement.
type daemon struct {
	command []string
	file    string // its configuration
	// started and reloaded are what its log has a line with per start and
	// reload; empty = it does not tell.
	started, reloaded string
	config            func(services, reals int, weight int) string
}

var daemons = map[string]func(vipd, dir string) daemon{"vipd": vipdDaemon, "keepalived": keepalivedDaemon}

func vipdDaemon(vipd, dir string) daemon {
	file := filepath.Join(dir, "vipd.hcl")
	return daemon{
		command: []string{vipd, "run", "-f", file, "--runtime-dir", filepath.Join(dir, "run"), "--state-dir", filepath.Join(dir, "state")},
		file:    file, started: "msg=ready", reloaded: "reload applied",
		config: func(services, reals, weight int) string {
			var b strings.Builder
			// The table is verified when the step for that comes, not by chance.
			fmt.Fprintf(&b, "version = 1\nipvs { verify_interval = \"0s\" }\nvrrp_instance \"size\" {\n  interface = \"%s\"\n  vrid = 51\n  priority = 150\n  version = 3\n  advert_interval = \"100ms\"\n", iface)
			fmt.Fprintf(&b, "  virtual_address = [\"%s/32\"]\n  excluded_address = [\n", virtual(0))
			for i := 1; i < services; i++ {
				fmt.Fprintf(&b, "    \"%s/32\",\n", virtual(i))
			}
			fmt.Fprintf(&b, "  ]\n}\n")
			spread(services, reals, func(i int, rs []string) {
				fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = \"%s:80\"\n  forward = \"masquerade\"\n  check \"tcp\" {\n    interval = \"1h\"\n    warmup = \"%s\"\n  }\n", i, virtual(i), warmup(i))
				for j, a := range rs {
					fmt.Fprintf(&b, "  real_server \"%s\" { weight = %d }\n", a, firstWeight(i, j, weight))
				}
				b.WriteString("}\n")
			})
			return b.String()
		},
	}
}

func keepalivedDaemon(_, dir string) daemon {
	file := filepath.Join(dir, "keepalived.conf")
	return daemon{
		command: []string{"keepalived", "-n", "-l", "-f", file, "-p", filepath.Join(dir, "pid"),
			"-c", filepath.Join(dir, "checkers.pid"), "-r", filepath.Join(dir, "vrrp.pid")},
		file: file,
		config: func(services, reals, weight int) string {
			var b strings.Builder
			fmt.Fprintf(&b, "vrrp_instance size {\n  interface %s\n  virtual_router_id 51\n  priority 150\n  version 3\n  advert_int 0.1\n", iface)
			fmt.Fprintf(&b, "  virtual_ipaddress {\n    %s/32\n  }\n  virtual_ipaddress_excluded {\n", virtual(0))
			for i := 1; i < services; i++ {
				fmt.Fprintf(&b, "    %s/32\n", virtual(i))
			}
			b.WriteString("  }\n}\n")
			spread(services, reals, func(i int, rs []string) {
				fmt.Fprintf(&b, "virtual_server %s 80 {\n  delay_loop 3600\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP\n", virtual(i))
				for j, a := range rs {
					fmt.Fprintf(&b, "  real_server %s 80 {\n    weight %d\n    inhibit_on_failure\n    TCP_CHECK {\n      connect_timeout 3\n    }\n  }\n", a, firstWeight(i, j, weight))
				}
				b.WriteString("}\n")
			})
			return b.String()
		},
	}
}

// warmup is over how long vipd spreads the first checks of a service, as
// keepalived does. A weight that changes counts from the first check on: that
// of the first service comes at once.
func warmup(i int) string {
	if i == 0 {
		return "1s"
	}
	return "1h"
}

// virtual is the address of service i.
func virtual(i int) string { return fmt.Sprintf("10.1.%d.%d", (i+1)>>8, (i+1)&255) }

// spread deals real servers out to services as evenly as possible.
func spread(services, reals int, each func(i int, rs []string)) {
	next := 0
	for i := range services {
		n := reals / services
		if i < reals%services {
			n++
		}
		rs := make([]string, n)
		for j := range rs {
			rs[j] = fmt.Sprintf("10.%d.%d.%d", 100+next>>16, next>>8&255, next&255)
			next++
		}
		each(i, rs)
	}
}

// firstWeight is the weight of the one real server that a change is about.
func firstWeight(i, j, weight int) int {
	if i == 0 && j == 0 {
		return weight
	}
	return 1
}
