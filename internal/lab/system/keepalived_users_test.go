//go:build !race

package system

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/lab"
)

// usersConf has programs of one instance that different users run.
const usersConf = `global_defs {
  enable_script_security
  script_user daemon
}
vrrp_script watch {
  script "/run/told script"
  interval 1
  user nobody
}
vrrp_instance users {
  interface eth0
  state MASTER
  virtual_router_id 52
  priority 255
  virtual_ipaddress {
    192.0.2.101/24
  }
  track_script {
    watch
  }
  notify_master "/run/told master" nobody
  notify_backup "/run/told backup" root adm
  notify_stop "/run/told stop" root
  notify "/run/told any"
}
`

// told is a program that notes what it is told, as whom it runs and how.
const told = `#!/bin/sh
echo "$* as $(id -un):$(id -gn) in $(pwd) umask $(umask)" >>/run/notes
`

// TestKeepalived_Users: programs of one instance are run by those that the
// configuration names, each by its own. (keepalived -t of version 2.2 ends by a
// signal for such a file; its daemon runs it.)
func TestKeepalived_Users(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("keepalived"), lab.Tool("unshare"), lab.Tool("nsenter"))
	t.Parallel()
	lab.Binary(t)
	sameAsKeepalived(t,
		func() []string { return newPlace(t, placed{top: usersConf}).notes("keepalived") },
		func() []string { return newPlace(t, placed{top: usersConf}).notes("/run/program", "keepalived") })
}

// notes runs a daemon from its start to its stop and returns what its programs
// noted, each once.
func (p *place) notes(daemon ...string) []string {
	p.t.Helper()
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"keepalived.conf": {p.top + strings.ReplaceAll(placedConf, "IF", "eth0"), 0o644}, "told": {told, 0o755}, "notes": {"", 0o666},
	} {
		path := p.root + "/run/" + name
		if err := errors.Join(os.WriteFile(path, []byte(file.text), file.mode), os.Chmod(path, file.mode)); err != nil {
			p.t.Fatal(err)
		}
	}
	d := p.h.Start("nsenter", slices.Concat(p.in, daemon, []string{"-n", "-l", "-f", "/run/keepalived.conf"})...)
	noted := func(word string) func() error {
		return func() error {
			if !slices.ContainsFunc(p.noted(), func(l string) bool { return strings.HasPrefix(l, word) }) {
				return errors.New("nobody was told")
			}
			return nil
		}
	}
	p.await("a program learns of the master", noted("any INSTANCE users MASTER"))
	p.await("the master's program runs", noted("master "))
	d.Signal(syscall.SIGTERM)
	p.await("a program learns of the stop", noted("stop "))
	p.await(daemon[0]+" ends", func() error {
		if d.Running() {
			return errors.New("it runs")
		}
		return nil
	})
	return p.noted()
}

// noted are the different lines of the notes, sorted.
func (p *place) noted() []string {
	text, err := os.ReadFile(p.root + "/run/notes")
	if err != nil {
		p.t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}
