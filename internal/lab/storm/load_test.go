package storm

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

const (
	// busyLoops are endless loops, each in a session of its own.
	busyLoops = 12
	// busyChecks real servers at checkInterval are more handshakes than a
	// processor can make.
	busyChecks    = 400
	checkInterval = 100 * time.Millisecond
	targetPort    = 8443
)

// burn keeps a processor busy until the end of the test, in a session of its
// own: the kernel shares processors between sessions first.
func burn(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// watchStalls measures how long not even a thread of the highest priority ran
// when it should have: then the machine stood still, and no daemon can help it.
// The returned function ends it.
func watchStalls(t *testing.T) func() time.Duration {
	var stop atomic.Bool
	longest := make(chan time.Duration, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const policyFIFO, highest, nap = 1, 99, time.Millisecond
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policyFIFO, Priority: highest}, 0); err != nil {
			t.Errorf("set the highest priority: %v", err)
		}
		var most time.Duration
		for last := time.Now(); !stop.Load(); {
			pause := unix.NsecToTimespec(int64(nap))
			_ = unix.Nanosleep(&pause, nil) // a short nap only looks early
			now := time.Now()
			most, last = max(most, now.Sub(last)-nap), now
		}
		longest <- most
	}()
	return func() time.Duration {
		stop.Store(true)
		return <-longest
	}
}

// targets answers the handshakes of a host's checks on all its own addresses.
func targets(t *testing.T, h *lab.Host) {
	t.Helper()
	ln, err := h.Listen(fmt.Sprintf(":%d", targetPort))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Listener.Close()
	s.Listener = ln
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{SessionTicketsDisabled: true}
	s.StartTLS()
	t.Cleanup(s.Close)
}

// worked returns how much processor time the checker role of a daemon took so
// far.
func worked(t *testing.T, p *lab.Proc) time.Duration {
	t.Helper()
	for _, pid := range p.Tree() {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !strings.Contains(string(args), "\x00role\x00checker\x00") {
			continue
		}
		return lab.ProcessorTime(t, pid)
	}
	t.Fatal("there is no checker role")
	return 0
}
