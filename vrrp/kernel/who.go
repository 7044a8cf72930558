package kernel

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// who tells which process asked the kernel for a change, by the netlink port
// that its notice names: the process that has the socket of that port open. The
// number of the port says less. The kernel gives the first socket of a process
// the number of the process, within its own PID namespace; further ones get
// arbitrary numbers above all of those, and systemd-networkd has got its socket
// from systemd.
func who(port uint32) string {
	if port == 0 {
		return "the kernel"
	}
	sockets := make(map[uint64]bool)
	if f, err := os.Open("/proc/thread-self/net/netlink"); err == nil {
		sockets = parseRouteSockets(f, port)
		f.Close()
	}
	if owner, found := finalOwner(sockets); found {
		return owner.String()
	}
	switch {
	case port > math.MaxInt32:
		return "somebody else"
	case len(sockets) == 0:
		return fmt.Sprintf("a process that has ended (pid %d)", port)
	}
	return socketOwner{pid: int(port)}.String() // whose sockets we may not see
}

// parseRouteSockets returns the inode of the rtnetlink socket with a port, as
// /proc/net/netlink lists it. Nothing is found once it is closed.
func parseRouteSockets(r io.Reader, port uint32) map[uint64]bool {
	const family, id, inode = 1, 2, 9
	inodes := make(map[uint64]bool)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode || fields[family] != strconv.Itoa(unix.NETLINK_ROUTE) || fields[id] != strconv.FormatUint(uint64(port), 10) {
			continue
		}
		if n, err := strconv.ParseUint(fields[inode], 10, 64); err == nil {
			inodes[n] = true
		}
	}
	return inodes
}

// finalOwner finds who has a socket open: whoever got it from process 1, rather
// than that, which keeps what it has opened for others.
func finalOwner(sockets map[uint64]bool) (owner socketOwner, found bool) {
	if len(sockets) == 0 {
		return owner, false // that costs no look at all processes
	}
	owners, err := socketOwners(sockets)
	for _, o := range owners {
		if owner.pid <= 1 {
			owner = o
		}
	}
	return owner, err == nil && len(owners) > 0
}
