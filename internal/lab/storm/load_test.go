package storm

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"math/bits"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
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

// role makes the test binary one of the processes that a storm needs besides
// the daemons. What shared a process with the witness would share its
// processors' time as the Go runtime divides it, and the witness would seem to
// see what is only its own waiting.
var role = flag.String("role", "", "what this process is: targets, stalls")

func TestMain(m *testing.M) {
	flag.Parse()
	switch *role {
	case "":
		os.Exit(m.Run())
	case "targets":
		serveTargets()
	case "stalls":
		noteStalls()
	}
}

// play starts this binary in a role on a host.
func play(t *testing.T, h *lab.Host, role string) *lab.Proc {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return h.Start(self, "-role", role)
}

// watchStalls measures how long not even a thread of the highest priority ran
// when it should have: then a processor stood still, and no daemon can help it.
// The returned function ends it.
func watchStalls(t *testing.T, h *lab.Host) func() time.Duration {
	t.Helper()
	p := play(t, h, "stalls")
	lab.WaitFor(t, "stalls are watched", time.Minute, func() error {
		if !strings.Contains(p.Log(), "watching") {
			return fmt.Errorf("it says %q", p.Log())
		}
		return nil
	})
	return func() (longest time.Duration) {
		p.Signal(syscall.SIGTERM)
		lab.WaitFor(t, "the longest stall", time.Minute, func() (err error) {
			_, said, _ := strings.Cut(p.Log(), "longest ")
			longest, err = time.ParseDuration(strings.TrimSpace(said))
			return err
		})
		return longest
	}
}

// noteStalls is the role of watchStalls: it looks on every processor, as a
// hypervisor takes away one at a time, and whoever works there with it.
func noteStalls() {
	var processors unix.CPUSet
	if err := unix.SchedGetaffinity(0, &processors); err != nil {
		fmt.Println("get the processors:", err)
		return
	}
	runtime.GOMAXPROCS(processors.Count() + 1)
	ended, end := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer end()
	var watching errgroup.Group
	var mu sync.Mutex
	var longest time.Duration
	for cpu := range len(processors) * bits.UintSize {
		if processors.IsSet(cpu) {
			watching.Go(func() error {
				most, err := longestStall(ended, cpu)
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, most)
				return err
			})
		}
	}
	fmt.Println("watching")
	if err := watching.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("longest", longest)
}

// longestStall measures one processor until the context ends.
func longestStall(ended context.Context, cpu int) (most time.Duration, err error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	var only unix.CPUSet
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return 0, fmt.Errorf("stay on processor %d: %w", cpu, err)
	}
	const policyFIFO, highest, nap = 1, 99, time.Millisecond
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policyFIFO, Priority: highest}, 0); err != nil {
		return 0, fmt.Errorf("set the highest priority: %w", err)
	}
	for last := time.Now(); ended.Err() == nil; {
		pause := unix.NsecToTimespec(int64(nap))
		_ = unix.Nanosleep(&pause, nil) // a short nap only looks early
		now := time.Now()
		most, last = max(most, now.Sub(last)-nap), now
	}
	return most, nil
}

// serveTargets answers the handshakes of a host's checks on all its own
// addresses.
func serveTargets() {
	ln, err := net.Listen("tcp4", fmt.Sprintf(":%d", targetPort))
	if err != nil {
		fmt.Println(err)
		return
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Listener.Close()
	s.Listener = ln
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{SessionTicketsDisabled: true}
	s.StartTLS()
	select {} // until it is killed
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
