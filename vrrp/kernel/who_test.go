package kernel

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func TestParseRouteSockets(t *testing.T) {
	const table = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000cf25bdb0 0   0          00000000 0        0        0     2        0        4
00000000cf25bdb1 0   4294963199 00000551 0        0        0     2        0        564
00000000cf25bdb2 15  4294963199 00000001 0        0        0     2        0        565
00000000cf25bdb3 0   311        00000000 0        0        0     2        0        566
garbage
`
	for port, want := range map[uint32]map[uint64]bool{4294963199: {564: true}, 311: {566: true}, 312: {}} {
		if diff := cmp.Diff(want, parseRouteSockets(strings.NewReader(table), port)); diff != "" {
			t.Errorf("port %d (-want +got):\n%s", port, diff)
		}
	}
}

// A process is known by any of its sockets, until it closes it.
func TestWho(t *testing.T) {
	me := socketOwner{pid: os.Getpid()}.String()
	var ports []uint32
	for range 3 {
		c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
		must(t, err)
		ports = append(ports, c.PID())
		t.Cleanup(func() { c.Close() })
		if got := who(c.PID()); got != me {
			t.Errorf("port %d belongs to %q, want %q", c.PID(), got, me)
		}
	}
	if ports[2] <= math.MaxInt32 {
		t.Errorf("ports %d: the third one shall not be a process id", ports)
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	must(t, err)
	must(t, c.Close())
	for port, want := range map[uint32]string{
		0: "the kernel", c.PID(): "somebody else", math.MaxInt32: fmt.Sprintf("a process that has ended (pid %d)", math.MaxInt32),
	} {
		if got := who(port); got != want {
			t.Errorf("port %d: %q, want %q", port, got, want)
		}
	}
}

// The kernel cuts the names of processes; that of the program is longer.
func TestNameOfAProcess(t *testing.T) {
	program, err := os.Executable()
	must(t, err)
	if got := (socketOwner{pid: os.Getpid()}).command(); !strings.HasPrefix(program[strings.LastIndex(program, "/")+1:], got) {
		t.Errorf("this process is called %q, its program is %s", got, program)
	}
	if got := (socketOwner{pid: math.MaxInt32}).command(); got != "a process" {
		t.Errorf("a process that is not there is called %q", got)
	}
}
