package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vipd/vipd/vrrp/runner"
)

func TestParseRawSockets(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 23201 2 0000000000000000 0
 112: 00000000:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 23206 2 0000000000000000 0
 112: 120000E0:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 23207 2 0000000000000000 9
garbage
`
	got, err := parseRawSockets(strings.NewReader(table))
	must(t, err)
	if diff := cmp.Diff(map[uint64]bool{23206: true, 23207: true}, got); diff != "" {
		t.Errorf("inodes (-want +got):\n%s", diff)
	}
}

// A real keepalived is found on its interface and on no other; our own
// sockets are not.
func TestKeepalived_IsFoundOnItsInterface(t *testing.T) {
	binary, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip("lab: needs keepalived")
	}
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	cable(t, "eth1", "peer1", "198.51.100.1/24")
	w := newWire()
	defer w.close()
	must(t, w.Listen([]runner.Port{port0}))
	for name, words := range map[string]string{"on the interface": "", "on a VMAC of its own": "use_vmac"} {
		t.Run(name, func(t *testing.T) { findKeepalived(t, binary, words) })
	}
}

// findKeepalived looks for a keepalived with an instance on eth0 that has the
// words in addition.
func findKeepalived(t *testing.T, binary, words string) {
	if found := OtherListeners("eth0"); len(found) > 0 {
		t.Errorf("found %v before anything was started", found)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "keepalived.conf")
	must(t, os.WriteFile(conf, []byte(`vrrp_instance one {
  interface eth0
  virtual_router_id 9
  priority 50
  `+words+`
  virtual_ipaddress { 192.0.2.99/24 }
}
`), 0o600))
	cmd := exec.Command(binary, "--dont-fork", "--vrrp", "--log-console", "--use-file", conf,
		"--pid", filepath.Join(dir, "pid"), "--vrrp_pid", filepath.Join(dir, "vrrp.pid"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	defer func() {
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		_ = cmd.Wait() // ended by the signal
	}()
	var found []Listener
	await(t, "keepalived to be found", func() bool {
		found = OtherListeners("eth0")
		return len(found) > 0
	})
	if len(found) != 1 || found[0].Name != "keepalived" || found[0].PID == 0 {
		t.Fatalf("found %v, want one keepalived", found)
	}
	if more := OtherListeners("eth1"); len(more) > 0 {
		t.Errorf("found %v on an interface that it does not use", more)
	}
	if more := OtherListeners("eth0", found[0].PID, cmd.Process.Pid); len(more) > 0 {
		t.Errorf("found %v, which was not to be counted", more)
	}
}
