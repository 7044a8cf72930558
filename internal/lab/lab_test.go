package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// segment makes a lab with one bridge and the named hosts at .1, .2, …
func segment(t *testing.T, names ...string) (*Lab, []*Host) {
	t.Helper()
	l := New(t)
	l.Bridge("lan", "192.0.2.0/24")
	var hosts []*Host
	for i, name := range names {
		hosts = append(hosts, l.Host(name, "lan", fmt.Sprintf("192.0.2.%d/24", i+1)))
	}
	return l, hosts
}

func TestHostsReachEachOther(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "client", "server")
	web := hosts[1].WebServer("192.0.2.2:80", "hello")

	f := hosts[0].Fetch("192.0.2.2:80")
	if f.Lost() || f.Backend != "server" {
		t.Errorf("fetch = %+v, want an answer of server", f)
	}
	web.SetStatus(503)
	if f := hosts[0].Fetch("192.0.2.2:80"); !f.Lost() || f.Status != 503 {
		t.Errorf("fetch with status 503 = %+v, want lost", f)
	}
	web.SetStatus(200)
	held := hosts[0].Hold("192.0.2.2:80")
	for range 2 {
		if backend, err := held.Ask(); err != nil || backend != "server" {
			t.Errorf("ask over a held connection = %q, %v", backend, err)
		}
	}
	web.Stop()
	if _, err := held.Ask(); err == nil {
		t.Error("a held connection survived the end of its server")
	}
	if f := hosts[0].Fetch("192.0.2.2:80"); f.Err == nil {
		t.Error("a stopped server answered")
	}
	web.Start()
	if f := hosts[0].Fetch("192.0.2.2:80"); f.Lost() {
		t.Errorf("a restarted server did not answer: %+v", f)
	}
	if web.Hits() < 4 {
		t.Errorf("hits = %d, want at least 4", web.Hits())
	}
}

func TestHostsAreIsolated(t *testing.T) {
	t.Parallel()
	l, hosts := segment(t, "a")
	l.Bridge("far", "198.51.100.0/24")
	b := l.Host("b", "far", "198.51.100.1/24")
	b.WebServer("198.51.100.1:80", "")
	if f := hosts[0].Fetch("198.51.100.1:80"); f.Err == nil {
		t.Error("hosts of different bridges reach each other")
	}
	if iface := hosts[0].Attach("far", "198.51.100.2/24"); iface != "eth1" {
		t.Errorf("second interface is %s, want eth1", iface)
	}
	if f := hosts[0].Fetch("198.51.100.1:80"); f.Lost() {
		t.Errorf("after attachment: %v", f.Err)
	}
	out, err := hosts[0].Run("ip", "-br", "address", "show", "eth1")
	if err != nil || !strings.Contains(out, "198.51.100.2/24") {
		t.Errorf("a program run on the host sees %q, %v", out, err)
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	l, hosts := segment(t, "a", "b", "c")
	for _, h := range hosts {
		h.WebServer(":80", "")
	}
	l.Partition(hosts[0], hosts[1])
	if f := hosts[0].Fetch("192.0.2.2:80"); !f.Lost() {
		t.Error("a reaches b through a partition")
	}
	reaches := func(h *Host, address string) { // a busy machine may answer later
		t.Helper()
		WaitFor(t, h.Name+" reaches "+address, 10*time.Second, func() error { return h.Fetch(address).Err })
	}
	reaches(hosts[2], "192.0.2.1:80")
	reaches(hosts[2], "192.0.2.2:80")
	l.Heal(hosts[0], hosts[1])
	reaches(hosts[0], "192.0.2.2:80")
}

func TestLoadCountsLosses(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "client", "server")
	web := hosts[1].WebServer(":80", "")
	load := hosts[0].Load("192.0.2.2:80", 2*time.Millisecond, 1<<20)
	WaitFor(t, "20 answers", 10*time.Second, func() error {
		if n := load.Between(time.Time{}, time.Now()).By()["server"]; n < 20 {
			return fmt.Errorf("%d answers", n)
		}
		return nil
	})
	web.Stop()
	WaitFor(t, "5 losses", 10*time.Second, func() error {
		if n := len(load.Between(time.Time{}, time.Now()).Lost()); n < 5 {
			return fmt.Errorf("%d losses", n)
		}
		return nil
	})
	all := load.Stop()
	if got := all.By()["server"] + len(all.Lost()); got != len(all) {
		t.Errorf("%d answers and losses of %d requests", got, len(all))
	}
	if all.Slowest() <= 0 || all.Slowest() > FetchTimeout {
		t.Errorf("slowest answer took %v", all.Slowest())
	}
}

func TestLoadEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "client", "server")
	hosts[1].WebServer(":80", "")
	load := hosts[0].Load("192.0.2.2:80", time.Millisecond, 7)
	load.Wait()
	if n := len(load.Stop()); n != 7 {
		t.Errorf("%d requests, want 7", n)
	}
}

// stubborn is a shell that ignores SIGTERM and has a child and a grandchild.
const stubborn = `trap '' TERM; sh -c 'trap "" TERM; sleep 100 & echo up; wait' & wait`

func TestKillEndsTheWholeTree(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "a")
	p := hosts[0].Start("sh", "-c", stubborn)
	p.WaitLog("up", 5*time.Second)
	var tree []int
	WaitFor(t, "three processes, the first one last", 5*time.Second, func() error {
		if tree = p.Tree(); len(tree) != 3 || tree[2] != p.PID() {
			return fmt.Errorf("tree of %d = %v", p.PID(), tree)
		}
		return nil
	})
	p.Signal(syscall.SIGTERM)
	if _, err := p.Wait(50 * time.Millisecond); !errors.Is(err, errStillRunning) {
		t.Errorf("wait = %v, want still running", err)
	}
	p.Kill()
	if status, err := p.Wait(0); err != nil || status != 128+int(syscall.SIGKILL) {
		t.Errorf("wait after kill = %d, %v", status, err)
	}
	for _, pid := range tree {
		if q, err := readProcess(pid); err == nil && q.state != "Z" {
			t.Errorf("process %d lives on: %+v", pid, q)
		}
	}
}

func TestKillFindsOrphans(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "a")
	p := hosts[0].Start("sh", "-c", "setsid sleep 100 & exit 3")
	if status, err := p.Wait(5 * time.Second); err != nil || status != 3 {
		t.Fatalf("wait = %d, %v", status, err)
	}
	WaitFor(t, "one orphan", 5*time.Second, func() error {
		if tree := p.Tree(); len(tree) != 1 {
			return fmt.Errorf("tree = %v", tree)
		}
		return nil
	})
	p.Kill()
	if tree := p.Tree(); len(tree) != 0 {
		t.Errorf("orphans %v live on", tree)
	}
}

// What passed is known with the time at which it did, and whether all of it is.
func TestCaptureTellsWhen(t *testing.T) {
	t.Parallel()
	_, hosts := segment(t, "a", "b", "witness")
	wire := hosts[2].Capture("eth0")
	asked := func(address string, since time.Time) (f Frame) {
		t.Helper()
		p := hosts[0].Ping(address, 10*time.Millisecond)
		WaitFor(t, "somebody asks for "+address, 5*time.Second, func() error {
			for _, f = range wire.Frames(since) {
				if f.ARP != nil && f.ARP.Request && f.ARP.Target.String() == address {
					return nil
				}
			}
			return fmt.Errorf("%d frames", len(wire.Frames(since)))
		})
		p.Stop()
		return f
	}
	began := time.Now()
	first := asked("192.0.2.2", began)
	if now := time.Now(); first.At.Before(began) || first.At.After(now) {
		t.Errorf("it passed at %v, between %v and %v", first.At, began, now)
	}
	if err := wire.Reaches(first.At.Add(1)); err == nil {
		t.Error("it knows what comes later")
	}
	second := asked("192.0.2.3", began)
	if err := wire.Reaches(first.At.Add(1)); err != nil || !second.At.After(first.At) {
		t.Errorf("at %v after %v: %v", second.At, first.At, err)
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	t.Parallel()
	var dir string
	var pids []int
	t.Run("lab", func(t *testing.T) {
		l, hosts := segment(t, "a", "b")
		p := hosts[0].Start("sh", "-c", stubborn)
		p.WaitLog("up", 5*time.Second)
		hosts[0].Capture("eth0")
		l.Ownership("192.0.2.100", hosts...)
		dir, pids = l.Dir(), p.Tree()
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("lab directory: %v", err)
	}
	for _, pid := range pids {
		if q, err := readProcess(pid); err == nil && q.state != "Z" {
			t.Errorf("process %d lives on: %+v", pid, q)
		}
	}
}

func TestSweepTakesOnlyTheDead(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	alive, err := makeDir(parent, dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	self, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	reused := filepath.Join(parent, fmt.Sprintf("%s%d-%d-1", dirPrefix, self.pid, self.start+1))
	foreign := filepath.Join(parent, dirPrefix+"notes")
	for _, dir := range []string{reused, foreign} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sweepDirs(parent, dirPrefix)
	for dir, want := range map[string]bool{alive: true, reused: false, foreign: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: exists %t, want %t", filepath.Base(dir), err == nil, want)
		}
	}
}

func TestDoOnAClosedLab(t *testing.T) {
	t.Parallel()
	ns, err := newNamespace()
	if err != nil {
		t.Skipf("%s%v", SkipMark, err)
	}
	ns.close()
	if err := ns.do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("do = %v, want %v", err, errClosed)
	}
	if err := ns.fork(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("fork = %v, want %v", err, errClosed)
	}
}
