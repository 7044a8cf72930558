package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestWayBack: a new binary that panics while it starts, or that is not ready in
// time, executes the one before in the same process, with every descriptor and
// with the reason.
func TestWayBack(t *testing.T) {
	const inside = "VIPD_TEST_WAY_BACK"
	if how := os.Getenv(inside); how != "" {
		fmt.Println(os.Getpid())
		goBack(t, how)
		return
	}
	tests := map[string]string{
		"panics": "the new binary panics: boom",
		"late":   "the new binary was not ready in time",
	}
	for how, failure := range tests {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWayBack$")
			cmd.Env = append(os.Environ(), inside+"="+how)
			cmd.Dir = t.TempDir()
			out, err := cmd.CombinedOutput()
			lines := strings.SplitN(string(out), "\n", 4)
			if err != nil || len(lines) < 4 {
				t.Fatalf("%v\n%s", err, out)
			}
			if lines[0] != lines[1] || lines[2] != "descriptors are there" {
				t.Errorf("new process %s, old one %s; %s", lines[0], lines[1], lines[2])
			}
			var left handover
			if err := json.Unmarshal([]byte(lines[3]), &left); err != nil {
				t.Fatalf("%v: %s", err, lines[3])
			}
			if left.Failure != failure || left.From != "before" || !cmp.Equal(left.Roles, []handedRole{{Name: "router", PID: 7, Link: left.Roles[0].Link}}) {
				t.Errorf("left to the binary before: %+v", left)
			}
		})
	}
}

// goBack is the new binary; the one before is a shell that shows what it finds.
func goBack(t *testing.T, how string) {
	shell, lock, link := descriptor(t, "/bin/sh"), descriptor(t, "lock"), descriptor(t, "link")
	path := func(fd int) string { return "/proc/$$/fd/" + strconv.Itoa(fd) }
	show := fmt.Sprintf(`echo $$; [ %s -ef lock ] && [ %s -ef link ] && echo descriptors are there; cat "$%s"`, path(lock), path(link), handoverEnv)
	h := &handover{
		Version: handoverVersion, From: "before", Args: []string{"sh", "-c", show},
		Lock: lock, Binary: shell,
		Roles: []handedRole{{Name: "router", PID: 7, Link: link}},
		dir:   ".",
	}
	if how == "late" {
		h.await(time.Millisecond)
		<-t.Context().Done() // the bound of the test ends a process that goes on
	}
	h.await(time.Hour)
	_, err := h.attempt(func() (*supervisor, error) { panic("boom") })
	t.Fatal(h.back(err))
}

// descriptor opens a file, and makes it if need be. Nothing closes it.
func descriptor(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestOneWayBack: when the binary before fails as well nothing is executed again.
func TestOneWayBack(t *testing.T) {
	h := &handover{Failure: "the new binary panics", Binary: -1, dir: t.TempDir()}
	why := errors.New("cannot read the configuration")
	if err := h.back(why); !errors.Is(err, why) || h.Failure != "the new binary panics" {
		t.Errorf("%v, failure %q", err, h.Failure)
	}
}

// TestConfirmedHandover: who is confirmed does not go back, and a fresh start has
// nothing to go back to: its panic is one.
func TestConfirmedHandover(t *testing.T) {
	h := &handover{Binary: descriptor(t, os.DevNull), Roles: []handedRole{{Link: descriptor(t, os.DevNull)}}}
	h.await(time.Hour)
	h.confirm()
	if h.unready.Stop() {
		t.Error("it would still go back")
	}
	defer func() {
		if recover() == nil {
			t.Error("the panic of a fresh start is hidden")
		}
	}()
	_, _ = (*handover)(nil).attempt(func() (*supervisor, error) { panic("boom") })
}
