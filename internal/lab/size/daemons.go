package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// daemon is a program under measurement.
type daemon struct {
	command []string
	file    string // its configuration
	config  func(services, reals int, weight int) string
	writes  string // what its log has a line with per write to the kernel; empty = it does not tell
}

var daemons = map[string]func(vipd, dir string) *daemon{"vipd": vipdDaemon, "keepalived": keepalivedDaemon}

func vipdDaemon(vipd, dir string) *daemon {
	file := filepath.Join(dir, "vipd.hcl")
	return &daemon{
		command: []string{vipd, "run", "-f", file, "--runtime-dir", filepath.Join(dir, "run"), "--state-dir", filepath.Join(dir, "state")},
		file:    file, writes: "event=ipvs",
		config: func(services, reals, weight int) string {
			var b strings.Builder
			b.WriteString("version = 1\n")
			spread(services, reals, func(i int, vip string, rs []string) {
				fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = \"%s:80\"\n  forward = \"masquerade\"\n", i, vip)
				for j, a := range rs {
					fmt.Fprintf(&b, "  real_server \"%s\" { weight = %d }\n", a, firstWeight(i, j, weight))
				}
				b.WriteString("}\n")
			})
			return b.String()
		},
	}
}

func keepalivedDaemon(_, dir string) *daemon {
	file := filepath.Join(dir, "keepalived.conf")
	return &daemon{
		command: []string{"keepalived", "-n", "-l", "-C", "-f", file, "-p", filepath.Join(dir, "pid"), "-c", filepath.Join(dir, "checkers.pid")},
		file:    file,
		config: func(services, reals, weight int) string {
			var b strings.Builder
			spread(services, reals, func(i int, vip string, rs []string) {
				fmt.Fprintf(&b, "virtual_server %s 80 {\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP\n", vip)
				for j, a := range rs {
					fmt.Fprintf(&b, "  real_server %s 80 {\n    weight %d\n  }\n", a, firstWeight(i, j, weight))
				}
				b.WriteString("}\n")
			})
			return b.String()
		},
	}
}

// spread deals real servers out to services as evenly as possible.
func spread(services, reals int, each func(i int, vip string, rs []string)) {
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
		each(i, fmt.Sprintf("10.1.%d.%d", i>>8, i&255), rs)
	}
}

// firstWeight is the weight of the one real server that a change is about.
func firstWeight(i, j, weight int) int {
	if i == 0 && j == 0 {
		return weight
	}
	return 1
}
