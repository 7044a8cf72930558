//go:build !race

package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/internal/lab"
)

// placed is a configuration with a command line of keepalived's.
type placed struct {
	top   string // statements before the others
	flags string
}

// placedCases say in which processes, files and namespaces a daemon is.
var placedCases = map[string]placed{
	"usual":        {},
	"pid dir":      {top: "use_pid_dir"},
	"instance":     {top: "instance one\nglobal_defs {\n  data_use_instance\n}"},
	"namespace":    {top: "net_namespace blue\nglobal_defs {\n  data_use_instance\n}"},
	"both":         {top: "net_namespace blue\ninstance one\nglobal_defs {\n  data_use_instance\n}"},
	"flag":         {top: "net_namespace red", flags: "-s blue"},
	"kept":         {flags: "-V"},
	"own names":    {flags: "-p /run/a.pid -r /run/b.pid -c /run/c.pid"},
	"routers only": {flags: "-P"},
	"no snmp here": {flags: "-x -A /run/agentx"},
}

// placedConf is the rest of the configuration: IF stands for an interface.
const placedConf = `
vrrp_instance web {
  interface IF
  state MASTER
  virtual_router_id 51
  priority 255
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`

// TestKeepalived_Places: with the same command line and configuration the same
// files are in the same places as keepalived's, and the address is where its is.
func TestKeepalived_Places(t *testing.T) {
	lab.Need(t, lab.Root, lab.Tool("keepalived"), lab.Tool("unshare"), lab.Tool("nsenter"))
	t.Parallel()
	lab.Binary(t)
	for name, c := range placedCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameAsKeepalived(t,
				func() []string { return newPlace(t, c).observe("keepalived") },
				func() []string { return newPlace(t, c).observe("/run/program", "keepalived") })
		})
	}
}

// sameAsKeepalived observes both daemons at the same time and compares what there
// was to see.
func sameAsKeepalived(t *testing.T, observeTheirs, observeOurs func() []string) {
	t.Helper()
	var theirs, ours []string
	var both sync.WaitGroup
	both.Go(func() { theirs = observeTheirs() })
	both.Go(func() { ours = observeOurs() })
	both.Wait()
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("(-keepalived +vipd):\n%s", diff)
	}
}

// place is a host with /run and /tmp of its own and a network namespace "blue".
type place struct {
	placed
	t    *testing.T
	h    *lab.Host
	root string // of the files as the holder of the place sees them
	in   []string
}

func newPlace(t *testing.T, c placed) *place {
	t.Helper()
	return newPlaceOf(t, c, `mount --make-rprivate /
mount -t tmpfs none /run
cp "$0" /run/program
mount -t tmpfs none /tmp
ip netns add blue
ip link add blue0 type veth peer name eth0 netns blue
ip link set blue0 up
ip -n blue link set eth0 up
ip -n blue addr add 192.0.2.1/24 dev eth0
touch /run/ready
exec sleep 1000`)
}

// newPlaceOf makes a place by a program of the shell.
func newPlaceOf(t *testing.T, c placed, program string) *place {
	t.Helper()
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	p := &place{placed: c, t: t, h: l.Host("lb", "lan", "192.0.2.1/24")}
	holder := p.h.Start("unshare", "-m", "sh", "-ec", program, lab.Binary(t))
	pid := strconv.Itoa(holder.PID())
	p.root, p.in = "/proc/"+pid+"/root", []string{"-t", pid, "-m"}
	p.await("the place is there", func() error {
		_, err := os.Stat(p.root + "/run/ready")
		return err
	})
	return p
}

func (p *place) await(what string, done func() error) {
	p.t.Helper()
	lab.WaitFor(p.t, what, patience, done)
}

// observe runs a daemon and tells what there is while it runs and afterwards.
func (p *place) observe(daemon ...string) []string {
	p.t.Helper()
	conf := p.top + strings.ReplaceAll(placedConf, "IF", "eth0")
	if err := os.WriteFile(p.root+"/run/keepalived.conf", []byte(conf), 0o644); err != nil {
		p.t.Fatal(err)
	}
	args := slices.Concat(p.in, daemon, []string{"-n", "-l", "-f", "/run/keepalived.conf"}, strings.Fields(p.flags))
	d := p.h.Start("nsenter", args...)
	var out []string
	p.await("the address is held", func() error {
		if p.holders() == "" {
			return errors.New("nobody holds it")
		}
		return nil
	})
	out = append(out, "address: "+p.holders())
	var dumps []string
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, 36} {
		d.Signal(sig)
		p.await(fmt.Sprintf("%s writes for signal %d", daemon[0], sig), func() error {
			now := p.files("/tmp", "keepalived*.*")
			if len(now) == len(dumps) {
				return errors.New("nothing is new")
			}
			dumps = now
			return nil
		})
	}
	p.await("all is written", func() error {
		if now := p.files("/tmp", "keepalived*.*"); len(now) != len(dumps) {
			dumps = now
			return errors.New("it goes on")
		}
		return nil
	})
	out = append(append(out, dumps...), p.pids()...)
	d.Signal(syscall.SIGTERM)
	p.await(daemon[0]+" ends", func() error {
		if d.Running() {
			return errors.New("it runs")
		}
		return nil
	})
	return append(append(out, "afterwards: "+p.holders()), p.pids()...)
}

// pids are the files of process ids, but for those of checkers that are not
// ruled out: vipd has one also when there is nothing to check.
func (p *place) pids() []string {
	return slices.DeleteFunc(p.files("/run", "*.pid"), func(path string) bool {
		return strings.HasPrefix(filepath.Base(path), "c") && p.flags != "-P"
	})
}

// holders are the namespaces that the address is in.
func (p *place) holders() string {
	var out []string
	for name, args := range map[string][]string{"own": {"ip"}, "blue": {"ip", "-n", "blue"}} {
		said, err := p.h.Run("nsenter", slices.Concat(p.in, args, []string{"-4", "-o", "addr"})...)
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.Contains(said, "192.0.2.100/") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// files lists the files below a directory whose name matches; those of the
// daemon's own directories do not count.
func (p *place) files(dir, pattern string) []string {
	var out []string
	err := filepath.WalkDir(p.root+dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went just now
		}
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), "vipd") {
			return filepath.SkipDir
		}
		if fits, _ := filepath.Match(pattern, e.Name()); fits {
			out = append(out, strings.TrimPrefix(path, p.root))
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}
