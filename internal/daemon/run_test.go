package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
)

const quietConfig = `version = 1
global {
  log {
    format = "json"
  }
}
`

// running is a daemon in this process, without an instance or a service, so
// that it needs neither privileges nor a network.
type running struct {
	t      *testing.T
	file   string
	client *http.Client
	notify chan string // what it tells the service manager
	cancel context.CancelFunc
	ended  chan error
}

func startDaemon(t *testing.T) *running {
	t.Helper()
	return startDaemonWith(t, quietConfig)
}

func startDaemonWith(t *testing.T, config string) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{t: t, file: filepath.Join(dir, "vipd.hcl"), notify: make(chan string, 1024), ended: make(chan error, 1)}
	r.write(config)
	addr := &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}
	manager, err := net.ListenUnixgram("unixgram", addr)
	if err != nil {
		t.Fatal(err)
	}
	go r.manage(manager)
	t.Setenv("NOTIFY_SOCKET", addr.Name)
	t.Setenv("WATCHDOG_USEC", "200000")
	opt := Options{
		Files: []string{r.file}, RuntimeDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"),
		OneProcess: true, Version: "test", Log: io.Discard,
	}
	r.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", SocketPath(opt.RuntimeDir))
	}}}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- Run(ctx, opt) }()
	t.Cleanup(func() { r.stop(); manager.Close() })
	r.awaitNotice("READY=1")
	return r
}

func (r *running) write(config string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(config), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// stop ends the daemon once and returns what Run returned.
func (r *running) stop() error {
	r.cancel()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(10 * time.Second):
		r.t.Fatal("the daemon does not stop")
		return nil
	}
}

// A daemon that has ended has told all it had to tell: nothing is left that
// the next one in this process, or a binary in its place, would seem to say.
func TestNoticesDoNotOutliveTheDaemon(t *testing.T) {
	r := startDaemon(t)
	for range 20 {
		notifyReloading()
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(notices()); n != 0 {
		t.Errorf("%d notices are left", n)
	}
	r.awaitNotice("STOPPING=1")
}

// manage reads all notifications, as a service manager does: of a socket that
// nobody reads the kernel keeps only a few.
func (r *running) manage(manager *net.UnixConn) {
	b := make([]byte, 4096)
	for {
		n, err := manager.Read(b)
		if err != nil {
			return // closed
		}
		select {
		case r.notify <- string(b[:n]):
		default:
		}
	}
}

// awaitNotice takes notifications until one contains the text.
func (r *running) awaitNotice(text string) {
	r.t.Helper()
	bound := time.After(10 * time.Second)
	for {
		select {
		case notice := <-r.notify:
			if strings.Contains(notice, text) {
				return
			}
		case <-bound:
			r.t.Fatalf("no notification with %q", text)
		}
	}
}

// ask sends one request and returns status and body.
func (r *running) ask(method, path string) (int, []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://vipd"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, b
}

func (r *running) status() (st api.Status) {
	r.t.Helper()
	_, b := r.ask(http.MethodGet, "/v1/status")
	if err := json.Unmarshal(b, &st); err != nil {
		r.t.Fatal(err)
	}
	return st
}

func TestDaemonTellsTheServiceManager(t *testing.T) {
	r := startDaemon(t)
	r.awaitNotice("WATCHDOG=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.awaitNotice("RELOADING=1")
	r.awaitNotice("READY=1")
	if err := r.stop(); err != nil {
		t.Errorf("clean stop: %v", err)
	}
	r.awaitNotice("STOPPING=1")
}

func TestReloadOfABrokenFileKeepsTheOldOne(t *testing.T) {
	r := startDaemon(t)
	r.write("version = 1\nvrrp_instanze \"x\" {}\n")
	code, body := r.ask(http.MethodPost, "/v1/reload")
	var res api.Reload
	if err := json.Unmarshal(body, &res); err != nil {
		t.Fatal(err)
	}
	if code != http.StatusUnprocessableEntity || res.OK || len(res.Diagnostics) == 0 {
		t.Errorf("reload of a broken file: HTTP %d, %+v", code, res)
	}
	st := r.status()
	if st.Reload.OK || st.Reload.Failed != 1 || len(st.Problems) == 0 {
		t.Errorf("status after it: %+v, problems %v", st.Reload, st.Problems)
	}
	r.write(quietConfig)
	if code, _ := r.ask(http.MethodPost, "/v1/reload"); code != http.StatusOK {
		t.Errorf("reload of the repaired file: HTTP %d", code)
	}
	if st := r.status(); !st.Reload.OK || st.Reload.Count != 2 || len(st.Problems) != 0 {
		t.Errorf("status after the repair: %+v, problems %v", st.Reload, st.Problems)
	}
}

func TestControlSocket(t *testing.T) {
	r := startDaemon(t)
	st := r.status()
	if st.Version != "test" || len(st.Roles) != 2 || !st.Roles[0].Running || !st.Roles[1].Running {
		t.Errorf("status %+v", st)
	}
	if _, b := r.ask(http.MethodGet, "/v1/metrics"); !strings.Contains(string(b), `vipd_role_up{role="router"} 1`) {
		t.Errorf("metrics do not show the router role:\n%s", b)
	}
	_, b := r.ask(http.MethodGet, "/v1/events?since=1")
	var e api.Event
	if err := json.NewDecoder(strings.NewReader(string(b))).Decode(&e); err != nil || e.Seq != 2 {
		t.Errorf("first event after number 1: %+v, %v", e, err)
	}
	if code, _ := r.ask(http.MethodGet, "/v1/events?since=x"); code != http.StatusBadRequest {
		t.Errorf("since=x: HTTP %d, want 400", code)
	}
	if code, _ := r.ask(http.MethodDelete, "/v1/status"); code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: HTTP %d, want 405", code)
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(r.file), "run", socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	r := startDaemon(t)
	dir := filepath.Dir(r.file)
	err := Run(t.Context(), Options{
		Files: []string{r.file}, RuntimeDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"), OneProcess: true, Log: io.Discard,
	})
	if err == nil || !strings.Contains(err.Error(), "another vipd") {
		t.Errorf("second daemon: %v", err)
	}
	if st := r.status(); !st.Roles[0].Running {
		t.Error("the first daemon was disturbed")
	}
}

func TestDumpOnUSR1(t *testing.T) {
	r := startDaemon(t)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(r.file), "run", "state.json")
	for deadline := time.Now().Add(10 * time.Second); ; {
		var st api.Status
		if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &st) == nil && st.Version == "test" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no state was dumped")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
