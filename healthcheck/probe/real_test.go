package probe

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// The tests of the files real_*_test.go probe servers as Debian has them
// (internal/lab/deps.sh installs those), on loopback and in a directory of the
// test.

// realServer is a directory with files for a server under test.
type realServer struct {
	t   *testing.T
	dir string
	as  *syscall.Credential // nil = us
}

// newRealServer skips where the program is not installed.
func newRealServer(t *testing.T, program string) *realServer {
	t.Helper()
	if _, err := find(program); err != nil {
		t.Skipf("%s is not installed: make deps", program)
	}
	// Not t.TempDir: servers that give up root must be able to enter.
	dir, err := os.MkdirTemp("", "vipd-probe-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &realServer{t: t, dir: dir}
}

// find looks where servers are, which is not in everybody's PATH.
func find(program string) (string, error) {
	if matches, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", program)); len(matches) > 0 {
		return matches[len(matches)-1], nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		path := filepath.Join(dir, program)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(program)
}

// runAs makes programs run as a user, who owns the directory.
func (s *realServer) runAs(name string) {
	s.t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		s.t.Skipf("no user %s: make deps", name)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(s.dir, uid, gid); err != nil {
		s.t.Skipf("chown: %v", err)
	}
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// path returns the name of a file of the server.
func (s *realServer) path(name string) string { return filepath.Join(s.dir, name) }

// file writes a file and returns its path. DIR in text is the directory.
func (s *realServer) file(name, text string) string {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", s.dir)), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// certificate writes a certificate and a key for localhost and returns a
// prober that trusts it.
func (s *realServer) certificate() (cert, key string, p *Prober) {
	s.t.Helper()
	ca := newAuthority(s.t)
	pair := ca.issue(time.Now().Add(100*24*time.Hour), []net.IP{net.IPv4(127, 0, 0, 1)}, "localhost")
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		s.t.Fatal(err)
	}
	cert = s.file("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	key = s.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := os.Chmod(key, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return cert, key, ca.prober()
}

// command prepares a program of the server.
func (s *realServer) command(program string, args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := find(program)
	if err != nil {
		s.t.Skipf("%s is not installed: make deps", program)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.as}
	return cmd
}

// run runs a program to its end.
func (s *realServer) run(program string, args ...string) {
	s.t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// start runs the server until the test ends, and waits until ready says so.
func (s *realServer) start(ready func() bool, program string, args ...string) {
	s.t.Helper()
	cmd := s.command(program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	for end := time.Now().Add(30 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			s.t.Fatalf("%s ended: %v\n%s", program, err, output.String())
		default:
		}
		if time.Now().After(end) {
			stop()
			s.t.Fatalf("%s does not answer\n%s", program, output.String())
		}
	}
	s.t.Cleanup(stop)
}

// listening returns a ready function for a TCP port.
func listening(target netip.AddrPort) func() bool {
	return func() bool {
		c, err := net.Dial("tcp", target.String())
		if err == nil {
			c.Close()
		}
		return err == nil
	}
}

// row is one probe of a server and what is to come of it.
type row struct {
	name   string
	kind   healthcheck.Kind
	target netip.AddrPort
	params healthcheck.Params // nil = the defaults
	tls    healthcheck.TLS
	class  healthcheck.Class
	reason string // "…" at its end: it begins so
}

func probeAll(t *testing.T, p *Prober, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			k := keyOf(r.kind, r.target, func(s *healthcheck.Settings) {
				if r.params != nil {
					s.Params = r.params
				}
				if r.tls != (healthcheck.TLS{}) {
					s.TLS = r.tls
				}
			})
			expect(t, p, k, r.class, r.reason)
			if relay, ok := overIPv6(t, r.target, k.Settings); ok && r.class == healthcheck.ClassOK {
				k.Target = relay
				expect(t, p, k, r.class, r.reason)
			}
		})
	}
}

var (
	verified = healthcheck.TLS{Mode: healthcheck.TLSOn, ServerName: "localhost", Verify: true, MinDays: 30}
	upgraded = healthcheck.TLS{Mode: healthcheck.TLSStart, ServerName: "localhost", Verify: true, MinDays: 30}
)

func portText(target netip.AddrPort) string { return fmt.Sprint(target.Port()) }
