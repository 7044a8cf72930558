package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Places to measure in.
const (
	inGuest = "guest" // one slow CPU, with IPVS
	onHost  = "host"  // this machine's kernel; IPVS may be missing
)

// cell is one daemon with one table in one place.
type cell struct {
	Place           string
	Daemon          string
	Services, Reals int
}

// measureInside measures what -inside says. The daemons of a list get a
// namespace each, so that the second finds nothing of the first.
func (o options) measureInside() error {
	f := strings.Split(o.inside, ":")
	if len(f) != 4 {
		return fmt.Errorf("%q is not PLACE:DAEMON,...:SERVICES:REAL_SERVERS", o.inside)
	}
	c := cell{Place: f[0], Daemon: f[1]}
	if _, err := fmt.Sscan(f[2]+" "+f[3], &c.Services, &c.Reals); err != nil {
		return fmt.Errorf("%q: %w", o.inside, err)
	}
	if c.Place == inGuest {
		return o.separate(c)
	}
	return o.here(c)
}

// inNamespace is the place of a cell that has its namespace already.
const inNamespace = "namespace"

// separate runs this program in a new namespace for every daemon.
func (o options) separate(c cell) error {
	// What is missing then shows as a dash.
	_ = exec.Command("modprobe", "-q", "-d", "/run", "nlmon").Run()
	for name := range strings.SplitSeq(c.Daemon, ",") {
		cmd := exec.Command("/proc/self/exe", "-vipd", o.vipd, "-limit", o.limit.String(),
			"-inside", fmt.Sprintf("%s:%s:%d:%d", inNamespace, name, c.Services, c.Reals))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// here measures one cell in this namespace and prints a line of JSON per step.
func (o options) here(c cell) error {
	_, err := os.Stat("/proc/net/ip_vs")
	ipvs := err == nil
	if c.Place == inNamespace {
		c.Place = inGuest
	}
	for _, line := range []string{
		"link set lo up",
		"link add " + iface + " type veth peer name " + wire, "link set " + wire + " up", "link set " + iface + " up",
		"address add 192.0.2.1/24 dev " + iface, "route add local 10.100.0.0/14 dev lo",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w %s", line, err, out)
		}
	}
	ln, err := net.Listen("tcp", ":80") // all real servers
	if err != nil {
		return err
	}
	defer ln.Close()
	go accept(ln)
	dir, err := os.MkdirTemp("", "vipd-size-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	make := daemons[c.Daemon]
	if make == nil {
		return fmt.Errorf("unknown daemon %q", c.Daemon)
	}
	m := &measurement{cell: c, daemon: make(o.vipd, dir), dir: dir, ipvs: ipvs, limit: o.limit}
	return m.run(func(s step) error { return json.NewEncoder(os.Stdout).Encode(s) })
}

// accept answers checks until the listener is closed.
func accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}
