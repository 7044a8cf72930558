package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// monitor is an interface that sees every netlink packet of the guest.
const monitor = "nlmon0"

// watchNetlink makes the monitor.
func watchNetlink() error {
	for _, args := range [][]string{
		{"modprobe", "-q", "-d", "/run", "nlmon"},
		{"ip", "link", "add", monitor, "type", "nlmon"},
		{"ip", "link", "set", monitor, "up"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("watch netlink: %v: %w %s", args, err, out)
		}
	}
	return nil
}

// netlinkPackets returns how many packets there have been, -1 when nobody
// counts.
func netlinkPackets() int {
	b, err := os.ReadFile("/sys/class/net/" + monitor + "/statistics/rx_packets")
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return -1
	}
	return n
}

// packetsSince is the difference to an earlier count.
func packetsSince(before int) int {
	now := netlinkPackets()
	if before < 0 || now < 0 {
		return -1
	}
	return now - before
}
