package daemon

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRoleOutput is how much is kept of what a role writes, in bytes: the beginning,
// where the reason of a crash stands.
const maxRoleOutput = 8 << 10

// roleOutput is where a role writes what it cannot tell the supervisor: why it
// cannot begin, and why it crashed. If the log is a file, as the one of a service
// manager, it is where this process writes; else nobody may see that, and it is kept
// in memory until the role has ended. It is no pipe: that would end with this
// process, and the role with its next word.
func roleOutput(log io.Writer) (*os.File, error) {
	if _, is := log.(*os.File); is || log == nil {
		return os.Stderr, nil
	}
	fd, err := unix.MemfdCreate("role output", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make place for output of role: %w", err)
	}
	return os.NewFile(uintptr(fd), "role output"), nil
}

// tellOutput writes what a role has written, which has ended, to the log, unless it
// is there.
func tellOutput(log io.Writer, output *os.File) {
	if output == os.Stderr {
		return
	}
	defer output.Close()
	text := make([]byte, maxRoleOutput)
	n, _ := output.ReadAt(text, 0) // fewer, as a rule
	if said := strings.TrimSpace(string(text[:n])); said != "" {
		fmt.Fprintln(log, said)
	}
}
