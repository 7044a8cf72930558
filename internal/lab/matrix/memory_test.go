package matrix

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// confined makes the master's daemon run in a cgroup of its own, whose memory the
// fault takes away (admin-guide/cgroup-v2).
func confined(c *cell) []string {
	root := filepath.Join(c.net.Dir(), "cgroup")
	c.memory = filepath.Join(root, filepath.Base(c.net.Dir()))
	err := errors.Join(os.Mkdir(root, 0o755), unix.Mount("cgroup2", root, "cgroup2", 0, ""))
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0)
	}
	if err == nil {
		err = os.Mkdir(c.memory, 0o755)
	}
	if err != nil {
		c.t.Skip(lab.SkipMark + "needs a memory cgroup: " + err.Error())
	}
	c.t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(c.memory, "cgroup.kill"), []byte("1"), 0) // its end is seen below
		lab.WaitFor(c.t, "the cgroup is empty", patience, func() error { return os.Remove(c.memory) })
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			c.t.Error(err)
		}
	})
	return []string{"sh", "-c", fmt.Sprintf(`echo $$ >%s/cgroup.procs; exec "$@"`, c.memory), "sh"}
}

// starve lowers the limit until the kernel has killed one process, of its own
// choice, and lifts it.
func (c *cell) starve() {
	limit := filepath.Join(c.memory, "memory.max")
	used := c.reading("memory.current", "")
	deadline := time.Now().Add(patience)
	for at := used; c.reading("memory.events", "oom_kill ") == 0; at -= used / 20 {
		if at <= 0 || time.Now().After(deadline) {
			c.t.Fatalf("nothing was killed for want of memory, of %d bytes", used)
		}
		if err := os.WriteFile(limit, []byte(strconv.Itoa(at)), 0); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := os.WriteFile(limit, []byte("max"), 0); err != nil {
		c.t.Fatal(err)
	}
}

// reading is a number of the cgroup: the one behind a key, or the only one.
func (c *cell) reading(file, key string) int {
	b, err := os.ReadFile(filepath.Join(c.memory, file))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if text, found := strings.CutPrefix(line, key); found {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				c.t.Fatalf("read %s: %v", file, err)
			}
			return n
		}
	}
	c.t.Fatalf("%s has no %q", file, key)
	return 0
}
