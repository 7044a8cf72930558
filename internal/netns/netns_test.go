package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPath(t *testing.T) {
	for name, want := range map[string]string{"blue": "/run/netns/blue", "/proc/1/ns/net": "/proc/1/ns/net"} {
		if got := Path(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAbsent(t *testing.T) {
	const none = "no-such-namespace"
	if _, err := Inside(none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("inside: %v", err)
	}
	if err := Do(none, func() error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("do: %v", err)
	}
	if err := Exec(none, "/bin/true"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("exec: %v", err)
	}
	if in, err := Inside(""); !in || err != nil {
		t.Errorf("not inside of one's own: %v", err)
	}
}

// holder keeps a namespace of its own until the test ends, and returns its path.
func holder(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("sh", "-c", "echo ready; read end")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
}

// interfaces counts the lines of the table of interfaces of the calling thread.
func interfaces(t *testing.T) int {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		t.Error(err)
	}
	return strings.Count(string(text), ":")
}

// TestDo: f is there, the caller and what comes after are not.
func TestDo(t *testing.T) {
	there := holder(t)
	inside := func() bool {
		in, err := Inside(there)
		if err != nil {
			t.Error(err)
		}
		return in
	}
	want := errors.New("of f")
	for range 3 {
		if inside() {
			t.Fatal("the caller is there")
		}
		err := Do(there, func() error {
			if !inside() || interfaces(t) != 1 {
				t.Errorf("f is not there, and sees %d interfaces", interfaces(t))
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
	}
}

// TestExec: the program that takes this one's place is there.
func TestExec(t *testing.T) {
	if there := os.Getenv("NETNS_TEST_EXEC"); there != "" {
		in, err := Inside(there)
		fmt.Println("inside", in, err)
		if !in && err == nil {
			fmt.Println(Exec(there, "/proc/self/exe"))
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestExec$", "-test.v")
	cmd.Env = append(os.Environ(), "NETNS_TEST_EXEC="+holder(t))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "inside false <nil>") != 1 || strings.Count(string(out), "inside true <nil>") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}
