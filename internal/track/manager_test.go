package track

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// log collects what a manager reports.
type log chan vrrp.Observed

// next returns the next report as text.
func (l log) next(t *testing.T) string {
	t.Helper()
	select {
	case o := <-l:
		return fmt.Sprintf("%s %s %d", o.ID, o.State, o.Value)
	case <-time.After(20 * time.Second):
		t.Fatal("no report")
		return ""
	}
}

// want fails unless exactly these reports come.
func (l log) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if got := l.next(t); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func observe(t *testing.T, c conf.Tracking) (*Manager, log) {
	reports := make(log, 100)
	m := New(func(o vrrp.Observed) { reports <- o })
	t.Cleanup(m.Close)
	m.Apply(c)
	return m, reports
}

func scriptFile(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func chk(command ...string) conf.Tracking {
	return conf.Tracking{Scripts: []conf.TrackScript{{
		Name: "chk", Command: command, Interval: 20 * time.Millisecond, Timeout: time.Second, Rise: 1, Fall: 2,
	}}}
}

func TestScript(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "flag")
	m, reports := observe(t, chk(scriptFile(t, `echo looked; test ! -e "$1"`), flag))
	reports.want(t, "script chk up 0")
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	reports.want(t, "script chk down 0")
	s := m.Status()[0]
	if s.Output != "looked" || s.Detail != "exit status 1" || s.Failures < 2 {
		t.Errorf("status %+v", s)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	reports.want(t, "script chk up 0")
}

// Who begins can wait until everything was looked at once, and no longer than
// it wants to.
func TestAwaitFirst(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	c := chk(scriptFile(t, `read -r line <"$1"`), pipe)
	c.Scripts[0].Timeout = 20 * time.Second
	m, _ := observe(t, c)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	m.AwaitFirst(impatient)
	if v := m.Verdicts(); len(v) != 0 {
		t.Errorf("verdicts of a script that waits: %v", v)
	}
	if err := os.WriteFile(pipe, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	m.AwaitFirst(t.Context())
	if v := m.Verdicts(); len(v) != 1 || v[0].State != vrrp.TrackUp {
		t.Errorf("verdicts %v", v)
	}
}

// A script that hangs is down in time, and one that cannot run at all too.
func TestScriptHangs(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{"hangs": scriptFile(t, "sleep 60"), "absent": "/nonexistent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := chk(command)
			c.Scripts[0].Timeout, c.Scripts[0].Fall = 100*time.Millisecond, 1
			_, reports := observe(t, c)
			reports.want(t, "script chk down 0")
		})
	}
}

// A reload keeps a script that stays as it is, gives one that changes the last
// state to begin with, and ends one that is gone.
func TestReload(t *testing.T) {
	t.Parallel()
	good, bad := scriptFile(t, "exit 0"), scriptFile(t, "exit 1")
	m, reports := observe(t, chk(good))
	reports.want(t, "script chk up 0")
	m.Apply(chk(good))
	m.Apply(chk(bad))
	if s := m.Status()[0]; s.State != vrrp.TrackUp {
		t.Errorf("the state is forgotten: %+v", s)
	}
	reports.want(t, "script chk down 0")
	m.Apply(conf.Tracking{})
	if s := m.Status(); len(s) != 0 {
		t.Errorf("still there: %+v", s)
	}
	if len(reports) > 0 {
		t.Errorf("a further report: %s", reports.next(t))
	}
}

// What is tracked under another name keeps its state: a priority that depends
// on it does not dip.
func TestRenamed(t *testing.T) {
	t.Parallel()
	c := chk(scriptFile(t, "exit 0"))
	m, reports := observe(t, c)
	reports.want(t, "script chk up 0")
	service := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackService, Name: "web"}, State: vrrp.TrackUp}
	c.Services = []string{"web"}
	m.Apply(c)
	m.Tell(service)
	reports.want(t, service.ID.String()+" up 0")

	other := chk(c.Scripts[0].Command...)
	other.Scripts[0].Name, other.Services = "other", []string{"front"}
	m.Rename(map[string]string{"web": "front"})
	m.Apply(other)
	var got []string
	for _, o := range m.Verdicts() {
		got = append(got, fmt.Sprint(o.ID.Name, " ", o.State))
	}
	if strings.Join(got, ", ") != "other up, front up" && strings.Join(got, ", ") != "front up, other up" {
		t.Errorf("verdicts %q", got)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "number")
	m, reports := observe(t, conf.Tracking{Files: []conf.TrackFile{{Name: "f", Path: path}}})
	reports.want(t, "file f up 0")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("-7\n")
	reports.want(t, "file f up -7")
	write("many\n")
	reports.want(t, "file f down 0")
	if d := m.Status()[0].Detail; d != `"many" is not a whole number` {
		t.Errorf("detail %q", d)
	}
	write("12 things")
	reports.want(t, "file f up 12")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reports.want(t, "file f up 0")
}

func TestProcess(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	// A name of its own, so that nobody else's processes count.
	program := filepath.Join(t.TempDir(), "vipd-test-sleep")
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	_, reports := observe(t, conf.Tracking{Processes: []conf.TrackProcess{
		{Name: "by-name", Program: "vipd-test-sleep", Args: []string{"600"}, Quorum: 1},
	}})
	reports.want(t, "process by-name down 0")
	cmd := exec.Command(program, "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reports.want(t, "process by-name up 0")
	for path, want := range map[string]int{program: 1, "/elsewhere/vipd-test-sleep": 0, "vipd-test-other": 0} {
		o := processObserver{TrackProcess: conf.TrackProcess{Program: path}}
		if n, err := o.count(); n != want || err != nil {
			t.Errorf("%d processes of %s, %v; want %d", n, path, err, want)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	reports.want(t, "process by-name down 0")
	o := processObserver{TrackProcess: conf.TrackProcess{Quorum: 2, Most: 3}}
	for n, want := range []bool{false, false, true, true, false} {
		if o.enough(n) != want {
			t.Errorf("%d processes, of 2 to 3, are enough: %v", n, !want)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	ping := func(name string, require int, targets ...string) conf.TrackPing {
		p := conf.TrackPing{Name: name, Require: require, Interval: 50 * time.Millisecond, Timeout: 200 * time.Millisecond, Rise: 1, Fall: 1}
		for _, a := range targets {
			p.Targets = append(p.Targets, netip.MustParseAddr(a))
		}
		return p
	}
	// 240.0.0.1 is reserved: the kernel refuses it at once.
	for _, c := range []struct {
		ping conf.TrackPing
		want string
	}{
		{ping("any", 1, "240.0.0.1", "127.0.0.1"), "ping any up 0"},
		{ping("all", 2, "240.0.0.1", "127.0.0.1"), "ping all down 0"},
		{ping("two", 2, "240.0.0.1", "127.0.0.1", "127.0.0.2"), "ping two up 0"},
	} {
		t.Run(c.ping.Name, func(t *testing.T) {
			m, reports := observe(t, conf.Tracking{Pings: []conf.TrackPing{c.ping}})
			reports.want(t, c.want)
			if d := m.Status()[0].Detail; !strings.Contains(d, "silent: 240.0.0.1") {
				t.Errorf("detail %q", d)
			}
		})
	}
}

// What others observe is passed on when it changes, and forgotten when it is
// no longer tracked.
func TestTell(t *testing.T) {
	t.Parallel()
	c := conf.Tracking{Services: []string{"web"}}
	m, reports := observe(t, c)
	id := vrrp.TrackID{Kind: vrrp.TrackService, Name: "web"}
	m.Tell(vrrp.Observed{ID: id, State: vrrp.TrackUp})
	m.Tell(vrrp.Observed{ID: id, State: vrrp.TrackUp})
	m.Tell(vrrp.Observed{ID: id, State: vrrp.TrackDown})
	reports.want(t, "virtual_server web up 0", "virtual_server web down 0")
	if v := m.Verdicts(); len(v) != 1 || v[0].State != vrrp.TrackDown {
		t.Errorf("verdicts %+v", v)
	}
	m.Apply(conf.Tracking{})
	if v := m.Verdicts(); len(v) != 0 {
		t.Errorf("verdicts %+v", v)
	}
}

// TestRecall: a manager that goes on for another one has its verdicts before the
// first look, and a first look that is bad counts as one of several.
func TestRecall(t *testing.T) {
	t.Parallel()
	reports := make(log, 100)
	m := New(func(o vrrp.Observed) { reports <- o })
	t.Cleanup(m.Close)
	script := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackScript, Name: "chk"}, State: vrrp.TrackUp}
	service := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackService, Name: "web"}, State: vrrp.TrackDown, Detail: "0 of 2"}
	gone := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackService, Name: "gone"}, State: vrrp.TrackUp}
	m.Recall([]vrrp.Observed{script, service, gone})
	c := chk(shell("exit 1", "")...)
	c.Scripts[0].Interval, c.Services = time.Hour, []string{"web"}
	m.Apply(c)
	m.AwaitFirst(t.Context())
	if diff := cmp.Diff([]vrrp.Observed{script, service}, m.Verdicts(), cmpopts.IgnoreFields(vrrp.Observed{}, "Detail")); diff != "" {
		t.Errorf("verdicts after one bad look (-want +got):\n%s", diff)
	}
	if s := m.Status()[0]; s.Runs != 1 || s.Failures != 1 {
		t.Errorf("status %+v, want one look", s)
	}
	m.Apply(conf.Tracking{})
	m.Apply(c)
	m.AwaitFirst(t.Context())
	if all := m.Verdicts(); len(all) != 0 {
		t.Errorf("after it was not tracked for a while: %+v", all)
	}
}
