package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// eachBadFile makes every file of testdata/bad that is an error the
// configuration of a running daemon, one after the other.
func eachBadFile(t *testing.T, v *lab.Vipd, do func(name string, diags conf.Diagnostics)) {
	t.Helper()
	names, err := filepath.Glob("../../../testdata/bad/*.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	n := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		v.Host.WriteFile("vipd.hcl", string(text))
		cfg, diags := daemon.LoadConfig([]string{v.Config}, "", v.Host.Name)
		if cfg == nil {
			do(filepath.Base(name), diags)
			n++
		}
	}
	if n < len(names)/2 {
		t.Errorf("only %d of %d files are errors", n, len(names))
	}
}

// refuse is hangUp by the control socket, which is what the command asks.
func refuse(t *testing.T, v *lab.Vipd, name string, diags conf.Diagnostics) {
	t.Helper()
	code, body, err := v.Post("/v1/reload")
	var r api.Reload
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil || code != http.StatusUnprocessableEntity || r.OK {
		t.Errorf("%s: HTTP %d, %+v, %v", name, code, r, err)
	}
	if diff := cmp.Diff(diags, r.Diagnostics); diff != "" {
		t.Errorf("%s: diagnostics (-want +got):\n%s", name, diff)
	}
}

// refuseCommand is refuse by the command itself: exit status 1, and every
// diagnostic is told.
func refuseCommand(t *testing.T, v *lab.Vipd, name string, diags conf.Diagnostics) {
	t.Helper()
	out, err := vipctl(t, v, "reload")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	for _, d := range diags[:min(len(diags), 100)] {
		if !strings.Contains(out, d.Summary) {
			t.Errorf("%s: not told: %s\n%s", name, d.Summary, out)
		}
	}
}

// hangUp sends SIGHUP and wants the file refused for all the reasons there are.
func hangUp(t *testing.T, v *lab.Vipd, name string, diags conf.Diagnostics) {
	t.Helper()
	failed := reloads(t, v).Failed
	v.Signal(syscall.SIGHUP)
	var r api.Reload
	lab.WaitFor(t, name+" is refused at SIGHUP", settle, func() error {
		if r = reloads(t, v); r.Failed == failed || r.OK {
			return fmt.Errorf("reload %+v", r)
		}
		return nil
	})
	if diff := cmp.Diff(diags, r.Diagnostics); diff != "" {
		t.Errorf("%s: diagnostics (-want +got):\n%s", name, diff)
	}
}

// networkOf is all that a daemon may change of a host's network, as text; the
// lifetimes of leases pass by themselves.
func networkOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	look := h.WriteFile("look", "address show\nlink show\nroute show table all\nrule show\n")
	var all strings.Builder
	for _, family := range []string{"-4", "-6"} {
		out, err := h.Run("ip", family, "-d", "-batch", look)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		all.WriteString(out)
	}
	return regexp.MustCompile(`valid_lft \d+sec|preferred_lft \d+sec|expires \d+sec`).ReplaceAllString(all.String(), "lease")
}

// Every bad file there is, by signal and by the command: the running configuration
// stays, status tells all that is wrong, as the command does, which exits with 1;
// the kernel tells of no change after any, and is in the end what it was.
func TestBadFilesChangeNothing(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config(append(belongings, lasting)...))
	lab.WaitFor(t, "lb1 has the VIP, the route and the rule", settle, func() error { return lacking(p.lb1) })
	before, network, changes := p.instance(v), networkOf(t, p.lb1), p.lb1.Changes()
	eachBadFile(t, v, func(name string, diags conf.Diagnostics) {
		hangUp(t, v, name, diags)
		refuseCommand(t, v, name, diags)
		for _, change := range changes.Take() {
			t.Errorf("%s: %s", name, change)
		}
	})
	if now := networkOf(t, p.lb1); now != network {
		t.Errorf("the network was\n%s\nis\n%s", network, now)
	}
	p.unmoved(v, before)
	p.reload(v, config(), true)
	p.unmoved(v, before)
}
