package lab

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// statusMark starts the last line of a guest's output, the exit status.
const statusMark = "\x00guest-exit "

// guestModuleNames are loaded into every guest, those that exist.
var guestModuleNames = []string{
	"veth", "bridge", "dummy", "macvlan", "8021q", "bonding", "vrf", "ipip", "ip6_tunnel", "sch_netem", "nf_tables", "overlay",
	"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_dh", "ip_vs_sh",
	"ip_vs_mh", "ip_vs_sed", "ip_vs_nq", "ip_vs_fo", "ip_vs_ovf", "ip_vs_twos",
}

// initScript is the guest's first process. devtmpfs is mounted by the kernel;
// modprobe wants <dir>/lib/modules. It ends by printing the status: the one
// who reads it ends the guest.
func initScript(c GuestCommand) string {
	env := append([]string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin:/usr/bin:/bin", "HOME=/root", "LANG=C", "TMPDIR=/run/tmp", GuestEnv + "=1",
	}, c.Env...)
	var b strings.Builder
	for _, line := range []string{
		"#!/bin/sh",
		"export " + quote(env),
		"mount -t proc proc /proc",
		"mount -t sysfs sys /sys",
		"mount -t tmpfs tmpfs /run",
		"mkdir -p /run/tmp /run/lib/modules",
		"mount --bind " + guestModules + " /run/lib/modules",
		"for m in " + strings.Join(guestModuleNames, " ") + "; do modprobe -q -d /run $m; done",
		"ip link set lo up",
		"stty -F /dev/ttyS1 raw -echo",
		"exec >/dev/ttyS1 2>&1 </dev/null",
		"cd " + quote([]string{workDir()}),
		quote(c.Args),
		"status=$?",
		"sync",
		`printf '\000guest-exit %d\n' $status`,
		"while :; do sleep 60; done",
	} {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

func workDir() string {
	if dir, err := os.Getwd(); err == nil {
		return dir
	}
	return "/"
}

// quote makes words of a POSIX shell.
func quote(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(out, " ")
}

// copyUntilStatus copies a guest's output up to its exit status.
func copyUntilStatus(w io.Writer, r io.Reader) (int, error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		text, status, found := strings.Cut(line, statusMark)
		if _, werr := io.WriteString(w, text); werr != nil {
			return 0, fmt.Errorf("copy output: %w", werr)
		}
		if found {
			return strconv.Atoi(strings.TrimSpace(status))
		}
		if err != nil {
			return 0, fmt.Errorf("guest ended before its command: %w", err)
		}
	}
}
