package storm

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

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
