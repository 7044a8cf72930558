package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// BinaryEnv names the environment variable with the path of the vipd binary;
// without it the lab builds one.
const BinaryEnv = "VIPD_LAB_BINARY"

var buildOnce = sync.OnceValues(buildVipd)

// Binary returns the path of the vipd binary under test.
func Binary(tb TB) string {
	tb.Helper()
	path, err := buildOnce()
	if err != nil {
		tb.Fatalf("build vipd: %v", err)
	}
	return path
}

// buildVipd builds the daemon into the module's cache directory and tells
// guests about it. The rename lets several test binaries do so at once.
func buildVipd() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		return path, nil
	}
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	cache := filepath.Join(filepath.Dir(string(mod)), ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(cache, "vipd")
	own := fmt.Sprintf("%s.%d", path, os.Getpid())
	cmd := exec.Command("go", "build", "-o", own, "github.com/vipd/vipd/cmd/vipd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	if err := os.Rename(own, path); err != nil {
		return "", err
	}
	return path, os.Setenv(BinaryEnv, path)
}

// Vipd is a running vipd.
type Vipd struct {
	*Proc
	Config  string // path of its configuration
	Runtime string // its --runtime-dir
	State   string // its --state-dir
}

// Vipd runs `vipd run` on the host with the given HCL text. The runtime and
// state directories are the host's: a second call finds what the first left.
func (h *Host) Vipd(hcl string, args ...string) *Vipd {
	h.lab.tb.Helper()
	v := &Vipd{
		Config: h.WriteFile("vipd.hcl", hcl), Runtime: filepath.Join(h.dir, "run"), State: filepath.Join(h.dir, "state"),
	}
	v.Proc = h.Start(Binary(h.lab.tb), append(v.arguments(h), args...)...)
	return v
}

// VipdUnder is Vipd by a program that changes what a process may do.
func (h *Host) VipdUnder(hcl string, program string, args ...string) *Vipd {
	h.lab.tb.Helper()
	v := &Vipd{
		Config: h.WriteFile("vipd.hcl", hcl), Runtime: filepath.Join(h.dir, "run"), State: filepath.Join(h.dir, "state"),
	}
	v.Proc = h.Start(program, append(append(args, Binary(h.lab.tb)), v.arguments(h)...)...)
	return v
}

func (v *Vipd) arguments(h *Host) []string {
	return []string{"run", "-f", v.Config, "--director", h.Name, "--runtime-dir", v.Runtime, "--state-dir", v.State}
}

// Guards are the processes that watch over the daemon from outside its tree.
func (v *Vipd) Guards() (guards []int) {
	for _, pid := range v.Tree() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(line), "\x00guard\x00") {
			guards = append(guards, pid)
		}
	}
	return guards
}

// Reload gives the daemon a new configuration and sends SIGHUP.
func (v *Vipd) Reload(hcl string) {
	v.Host.lab.tb.Helper()
	v.Host.WriteFile("vipd.hcl", hcl)
	v.Signal(syscall.SIGHUP)
}

// Get asks the control socket and returns the body of its answer.
func (v *Vipd) Get(path string) ([]byte, error) {
	status, body, err := v.ask(http.MethodGet, path)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("get %s: %d: %s", path, status, body)
	}
	return body, err
}

// Post asks the control socket to do something and returns status and body of
// its answer.
func (v *Vipd) Post(path string) (int, []byte, error) { return v.ask(http.MethodPost, path) }

func (v *Vipd) ask(method, path string) (int, []byte, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(v.Runtime, "vipd.sock"))
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequest(method, "http://vipd"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// Status decodes /v1/status into out.
func (v *Vipd) Status(out any) error {
	body, err := v.Get("/v1/status")
	if err != nil {
		return err
	}
	return json.Unmarshal(body, out)
}
