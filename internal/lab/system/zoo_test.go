package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
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

// one in so many bad files comes as a signal, and one by the command: those
// have to be waited for.
const oneIn = 10

// eachBadFile makes every file of testdata/bad that is an error the
// configuration of a running daemon, one after the other.
func eachBadFile(t *testing.T, v *lab.Vipd, do func(n int, name string, diags conf.Diagnostics)) {
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
			do(n, filepath.Base(name), diags)
			n++
		}
	}
	if n < len(names)/2 {
		t.Errorf("only %d of %d files are errors", n, len(names))
	}
}

// refuse asks for a reload and wants it refused for all the reasons there are.
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

// refuseCommand is refuse by the command.
func refuseCommand(t *testing.T, v *lab.Vipd, name string, diags conf.Diagnostics) {
	t.Helper()
	c := v.Host.Start(lab.Binary(t), "reload", "--runtime-dir", v.Runtime)
	if status, err := c.Wait(settle); status != 1 || err != nil {
		t.Errorf("%s: exit status %d, %v\n%s", name, status, err, c.Log())
	}
	for _, d := range diags[:min(len(diags), 100)] {
		if !strings.Contains(c.Log(), d.Summary) {
			t.Errorf("%s: not told: %s\n%s", name, d.Summary, c.Log())
		}
	}
}

// hangUp sends SIGHUP and waits until the daemon has refused its file.
func hangUp(t *testing.T, v *lab.Vipd, name string) {
	t.Helper()
	failed := reloads(t, v).Failed
	v.Signal(syscall.SIGHUP)
	lab.WaitFor(t, name+" is refused at SIGHUP", settle, func() error {
		if r := reloads(t, v); r.Failed == failed || r.OK {
			return fmt.Errorf("reload %+v", r)
		}
		return nil
	})
}

// networkOf is all that a daemon may change of a host's network, as text; the
// lifetimes of leases pass by themselves.
func networkOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"-d", "address"}, {"-d", "link"}, {"route", "show", "table", "all"}, {"-6", "route", "show", "table", "all"}, {"rule"}, {"-6", "rule"},
	} {
		out, err := h.Run("ip", args...)
		if err != nil {
			t.Fatalf("ip %v: %v", args, err)
		}
		all.WriteString(out)
	}
	return regexp.MustCompile(`valid_lft \d+sec|preferred_lft \d+sec|expires \d+sec`).ReplaceAllString(all.String(), "lease")
}

// Every bad file there is: the running configuration stays, the command exits
// with 1 and tells all that is wrong, and the kernel is as it was.
func TestBadFilesChangeNothing(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config(`route "203.0.113.0/24" { via = "192.0.2.9" }`, "rule {\n priority = 1000\n table = 100\n from = \"192.0.2.100/32\"\n }"))
	p.ownedBy(p.lb1, settle)
	before := p.instance(v)
	lab.WaitFor(t, "the route is there", settle, func() error {
		if out, err := p.lb1.Run("ip", "route"); err != nil || !strings.Contains(out, "203.0.113.0/24") {
			return fmt.Errorf("%q, %v", out, err)
		}
		return nil
	})
	network := networkOf(t, p.lb1)
	eachBadFile(t, v, func(n int, name string, diags conf.Diagnostics) {
		refuse(t, v, name, diags)
		switch n % oneIn {
		case 0:
			hangUp(t, v, name)
		case 1:
			refuseCommand(t, v, name, diags)
		}
	})
	if now := networkOf(t, p.lb1); now != network {
		t.Errorf("the network was\n%s\nis\n%s", network, now)
	}
	p.unmoved(v, before)
	p.reload(v, config(), true)
	p.unmoved(v, before)
}
