//go:build !race

package system

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// loggedFlags are command lines that say where the log goes. (The keepalived of
// Debian is built without log files.)
var loggedFlags = []string{"", "-l", "-S 3", "-S local5", "-S user", "-G", "-G -l", "-m -D", "-d", "-Mcore.%p"}

// logPlace is a host with a /tmp and a syslog of its own: a /dev with little in it,
// where programs look for the socket.
const logPlace = `mount --make-rprivate /
mount -t tmpfs none /run
mkdir /run/bin
cp "$0" /run/bin/keepalived
mount -t tmpfs none /tmp
mkdir /run/dev
mount --rbind /dev /run/dev
mount -t tmpfs none /dev
echo before >/run/pattern
mount --bind /run/pattern /proc/sys/kernel/core_pattern
for f in null zero urandom random; do touch /dev/$f; mount --bind /run/dev/$f /dev/$f; done
touch /run/ready
exec sleep 1000`

// TestKeepalived_Log: the same flags bring the log to the same places as
// keepalived's: to syslog with the same facility, level and name, and to the
// console; and cores are dumped where they are there. Ours is a program by the name
// of keepalived.
func TestKeepalived_Log(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("keepalived"), lab.Tool("unshare"), lab.Tool("nsenter"))
	t.Parallel()
	lab.Binary(t)
	for _, flags := range loggedFlags {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			sameAsKeepalived(t,
				func() []string { return logged(t, flags, "keepalived") },
				func() []string { return logged(t, flags, "/run/bin/keepalived") })
		})
	}
}

// logged runs a daemon until it holds its address and tells where it has logged
// what.
func logged(t *testing.T, flags string, daemon ...string) []string {
	t.Helper()
	p := newPlaceOf(t, placed{flags: flags}, logPlace)
	syslog := listenSyslog(t, p.root+"/dev/log")
	stop := p.serve(daemon...)
	pid, err := os.ReadFile(p.root + "/run/daemon")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"cores " + coreLimit(t, p, strings.TrimSpace(string(pid)))}
	stop()
	console, err := os.ReadFile(p.root + "/run/console")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, syslog(), fmt.Sprintf("console %v", bytes.Contains(bytes.ToLower(console), []byte("starting"))))
}

// serve runs a daemon until it holds its address, and returns what stops it.
func (p *place) serve(daemon ...string) (stop func()) {
	p.t.Helper()
	if err := os.WriteFile(p.root+"/run/keepalived.conf", []byte(strings.ReplaceAll(placedConf, "IF", "eth0")), 0o644); err != nil {
		p.t.Fatal(err)
	}
	line := strings.Join(append(daemon, "-n", "-f", "/run/keepalived.conf", p.flags), " ")
	d := p.h.Start("nsenter", append(p.in, "sh", "-c", "echo $$ >/run/daemon; exec "+line+" >/run/console 2>&1")...)
	p.await("the address is held", func() error {
		if !p.h.Holds(addr(vip)) {
			return errors.New("nobody holds it")
		}
		return nil
	})
	return func() {
		d.Signal(syscall.SIGTERM)
		p.await(daemon[0]+" ends", func() error {
			if d.Running() {
				return errors.New("it runs")
			}
			return nil
		})
	}
}

// TestKeepalived_CorePattern: -M names core files while the daemon runs, and not
// longer. (keepalived 2.2 reads the name before and goes on writing behind it,
// which the kernel ignores, see sysctl_writes_strict in its documentation.)
func TestKeepalived_CorePattern(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("unshare"), lab.Tool("nsenter"))
	t.Parallel()
	lab.Binary(t)
	for flags, want := range map[string]string{"-m": "before", "-M": "core", "-Mcore.%p": "core.%p", "--core-dump-pattern=/tmp/core": "/tmp/core"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			p := newPlaceOf(t, placed{flags: flags}, logPlace)
			stop := p.serve("/run/bin/keepalived")
			if got := p.corePattern(); got != want {
				t.Errorf("%q while it runs, want %q", got, want)
			}
			if stop(); p.corePattern() != "before" {
				t.Errorf("%q afterwards", p.corePattern())
			}
		})
	}
}

// corePattern is how the kernel would name core files in the place.
func (p *place) corePattern() string {
	text, err := os.ReadFile(p.root + "/run/pattern")
	if err != nil {
		p.t.Error(err)
	}
	return strings.TrimSpace(string(text))
}

// coreLimit is the soft limit of the size of core files of a process.
func coreLimit(t *testing.T, p *place, pid string) string {
	t.Helper()
	said, err := p.h.Run("nsenter", append(slices.Clone(p.in), "grep", "core file", "/proc/"+pid+"/limits")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return strings.Fields(said)[4]
}

// syslogLine is the begin of a message (RFC 3164): priority, time, program.
var syslogLine = regexp.MustCompile(`^<(\d+)>[A-Z][a-z]{2} [ \d]\d [\d:]{8} ([A-Za-z_]+)\[\d+\]: `)

// listenSyslog takes messages; the function that it returns tells the form of most
// of those of the daemon as a whole (keepalived begins before it has read its flags),
// and whether the configuration was among them.
func listenSyslog(t *testing.T, socket string) func() string {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	forms, dumped := map[string]int{}, false
	go func() {
		for buf := make([]byte, 65536); ; {
			n, err := l.Read(buf)
			if err != nil {
				return
			}
			m := syslogLine.FindSubmatch(buf[:n])
			mu.Lock()
			dumped = dumped || bytes.Contains(buf[:n], []byte("Virtual Router ID = 51"))
			if m == nil {
				forms[fmt.Sprintf("no message: %q", buf[:n])] += 1000
			} else if string(m[2]) == "Keepalived" {
				forms["syslog <"+string(m[1])+">"]++
			}
			mu.Unlock()
		}
	}()
	return func() string {
		most := ""
		mu.Lock()
		defer mu.Unlock()
		for f, n := range forms {
			if n > forms[most] {
				most = f
			}
		}
		return fmt.Sprintf("%s, configuration %v", most, dumped)
	}
}
