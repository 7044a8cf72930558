package kernel

import (
	"bytes"
	"fmt"
	"math"
	"os"
)

// who tells which process asked the kernel for a change, by the netlink port
// that its notice names. The kernel gives the first socket of a process the
// number of the process; further ones have arbitrary numbers above all of those.
func who(port uint32) string {
	switch {
	case port == 0:
		return "the kernel"
	case port > math.MaxInt32:
		return "somebody else"
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", port))
	if err != nil {
		return fmt.Sprintf("a process that has ended (pid %d)", port)
	}
	return fmt.Sprintf("%s (pid %d)", bytes.TrimSpace(name), port)
}
