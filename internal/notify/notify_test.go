package notify

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
)

// problems collects what could not be delivered.
type problems struct {
	mu   sync.Mutex
	list []string
}

func (p *problems) add(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, s)
}

func (p *problems) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.list, "\n")
}

func scriptFile(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// run is a program that names nobody to run it.
func run(args ...string) conf.Program { return conf.Program{Args: args} }

func newNotifier(s Settings) (*Notifier, *problems) {
	var p problems
	n := New(p.add)
	if s.Scripts.Timeout == 0 {
		s.Scripts.Timeout = 20 * time.Second
	}
	n.Apply(s)
	return n, &p
}

func change(name string, s State) Change {
	return Change{Kind: Instance, Name: name, State: s, Priority: 150, Reason: "test"}
}

// Programs run in the order of the changes, never two of one instance at once,
// and a stop waits for the last one.
func TestProgramsInOrder(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	// The first one is the slowest.
	script := scriptFile(t, `test "$1" = slow && sleep 0.3; shift; echo "$VIPD_KIND $VIPD_NAME $VIPD_STATE $VIPD_PRIORITY $VIPD_REASON|$*" >> `+out)
	to := conf.Notify{Master: run(script, "slow", "up"), Backup: run(script, "fast"), Any: run(script, "fast")}
	n, p := newNotifier(Settings{})
	n.Tell(change("web", Master), to)
	n.Tell(change("web", Backup), to)
	n.Tell(change("web", Stop), to)
	n.Close(20 * time.Second)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"INSTANCE web MASTER 150 test|up",
		"INSTANCE web MASTER 150 test|INSTANCE web MASTER 150",
		"INSTANCE web BACKUP 150 test|",
		"INSTANCE web BACKUP 150 test|INSTANCE web BACKUP 150",
		"INSTANCE web STOP 150 test|INSTANCE web STOP 150",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(text)), "\n")); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if p.text() != "" {
		t.Error(p.text())
	}
}

// Every program may name who runs it; else it is who runs all.
func TestProgramsOfDifferentUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	if err := os.WriteFile(out, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(out, 0o666); err != nil {
		t.Fatal(err)
	}
	say := func(user string) conf.Program {
		return conf.Program{Args: []string{"/bin/sh", "-c", "echo $VIPD_STATE $(id -un) >>" + out}, User: user}
	}
	n, p := newNotifier(Settings{Scripts: conf.Scripts{User: "daemon"}})
	to := conf.Notify{Master: say("nobody"), Backup: say(""), Any: say("root")}
	n.Tell(change("web", Master), to)
	n.Tell(change("web", Backup), to)
	n.Close(20 * time.Second)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("MASTER nobody\nMASTER root\nBACKUP daemon\nBACKUP root\n", string(text)); diff != "" || p.text() != "" {
		t.Errorf("%s (-want +got):\n%s", p.text(), diff)
	}
}

// A slow instance does not hold up another one.
func TestProgramsSideBySide(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	slow, fast := scriptFile(t, "sleep 1; echo slow >> "+out), scriptFile(t, "echo fast >> "+out)
	n, _ := newNotifier(Settings{})
	n.Tell(change("slow", Master), conf.Notify{Any: run(slow)})
	n.Tell(change("fast", Master), conf.Notify{Any: run(fast)})
	n.Close(20 * time.Second)
	if text, _ := os.ReadFile(out); string(text) != "fast\nslow\n" {
		t.Errorf("order %q", text)
	}
}

// What waits is bounded: the oldest goes, the last one runs, and it is said.
func TestProgramsAreBounded(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	gate := filepath.Join(t.TempDir(), "gate")
	script := scriptFile(t, "while ! test -e "+gate+"; do sleep 0.05; done; echo $VIPD_REASON >> "+out)
	n, p := newNotifier(Settings{})
	for i := range maxWaiting + 20 {
		c := change("web", Master)
		c.Reason = fmt.Sprint(i)
		n.Tell(c, conf.Notify{Master: run(script)})
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	n.Close(60 * time.Second)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	if got := len(lines); got > maxWaiting+1 || lines[got-1] != fmt.Sprint(maxWaiting+19) {
		t.Errorf("%d runs, the last %s", got, lines[got-1])
	}
	if !strings.Contains(p.text(), "too slow") {
		t.Errorf("reported %q", p.text())
	}
}

// A program that fails or hangs is reported with its output and does not stop
// the next one.
func TestProgramsThatFail(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	bad, hangs, good := scriptFile(t, "echo broken; exit 7"), scriptFile(t, "sleep 60"), scriptFile(t, "echo ran > "+out)
	n, p := newNotifier(Settings{Scripts: conf.Scripts{Timeout: 300 * time.Millisecond}})
	n.Tell(change("web", Master), conf.Notify{Master: run(bad), Any: run(hangs)})
	n.Tell(change("web", Backup), conf.Notify{Backup: run(good)})
	n.Close(20 * time.Second)
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"exit status 7: broken", "took too long"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("%q is not in %q", want, p.text())
		}
	}
}

// A stop does not wait for ever.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	n, p := newNotifier(Settings{Scripts: conf.Scripts{Timeout: 5 * time.Second}})
	n.Tell(change("web", Stop), conf.Notify{Stop: run(scriptFile(t, "sleep 60"))})
	start := time.Now()
	n.Close(200 * time.Millisecond)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if !strings.Contains(p.text(), "not finished") {
		t.Errorf("reported %q", p.text())
	}
}

// The pipe gets keepalived's lines; it is made when it is not there, and what
// was written before a reader came is not lost.
func TestPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	n, p := newNotifier(Settings{Pipes: []conf.Pipe{{Path: path}}})
	n.Tell(change("web", Master), conf.Notify{})
	n.Tell(Change{Kind: Group, Name: "edge", State: Fault}, conf.Notify{})
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for _, want := range []string{"INSTANCE \"web\" MASTER 150\n", "GROUP \"edge\" FAULT 0\n"} {
		if got, err := r.ReadString('\n'); got != want || err != nil {
			t.Errorf("line %q, %v; want %q", got, err, want)
		}
	}
	n.Close(time.Second)
	if p.text() != "" {
		t.Error(p.text())
	}
}

// Without a reader the pipe fills, then a bounded number of lines waits: all of
// ten thousand changes. They come in order when somebody reads; of more the last
// ones are there, and those that are not are counted.
func TestPipeWithoutReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines int
		lost  bool
	}{{10000, false}, {30000, true}} {
		path := filepath.Join(t.TempDir(), "fifo")
		n, p := newNotifier(Settings{Pipes: []conf.Pipe{{Path: path}}})
		for i := range tt.lines {
			n.Line(fmt.Sprintf("%d\n", i))
		}
		if strings.Contains(p.text(), "dropped") != tt.lost || strings.Count(p.text(), "\n") > 3 {
			t.Errorf("reported %q", p.text())
		}
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		read, last := 0, -1
		for r := bufio.NewReader(f); last < tt.lines-1; read++ {
			var number int
			if _, err := fmt.Fscan(r, &number); err != nil || number <= last {
				t.Fatalf("%d after %d: %v", number, last, err)
			}
			last = number
		}
		n.Close(5 * time.Second)
		if counted := fmt.Sprintf("%d lines were dropped", tt.lines-read); tt.lost && !strings.Contains(p.text(), counted) || !tt.lost && read != tt.lines {
			t.Errorf("%d of %d lines were read; reported %q", read, tt.lines, p.text())
		}
	}
}

// A file that is no pipe is reported, not overwritten.
func TestPipeIsAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	n, p := newNotifier(Settings{Pipes: []conf.Pipe{{Path: path}}})
	n.Tell(change("web", Master), conf.Notify{})
	n.Close(100 * time.Millisecond)
	if text, _ := os.ReadFile(path); string(text) != "precious" || !strings.Contains(p.text(), "not a named pipe") {
		t.Errorf("content %q, reported %q", text, p.text())
	}
}

// A pipe gets the lines of its kind, its reader finds its path and is run for
// as long as the pipe is used.
func TestPipeKindsAndReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := filepath.Join(dir, "read")
	reader := scriptFile(t, `exec sh -c 'while read l; do echo "$0 $l" >> `+read+`; done' "$1" < "$2"`)
	states, services := filepath.Join(dir, "states"), filepath.Join(dir, "services")
	n, p := newNotifier(Settings{Pipes: []conf.Pipe{
		{Path: states, Only: conf.PipeInstances, Reader: []string{reader, "mine"}, OnReload: true},
		{Path: services, Only: conf.PipeServices},
	}})
	f, err := os.OpenFile(services, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		t.Error("the pipe without a reader is there before its first line")
		f.Close()
	}
	n.Tell(change("web", Master), conf.Notify{})
	n.Line("VS [192.0.2.10]:tcp:80 UP\n")
	prio := change("web", Master)
	prio.PriorityOnly = true
	n.Tell(prio, conf.Notify{})
	n.Again([]Change{change("web", Master)})
	want := "mine INSTANCE \"web\" MASTER 150\nmine INSTANCE \"web\" MASTER_PRIORITY 150\nmine INSTANCE \"web\" MASTER 150\n"
	var got []byte
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && string(got) != want; time.Sleep(20 * time.Millisecond) {
		got, _ = os.ReadFile(read)
	}
	if string(got) != want {
		t.Errorf("the reader got %q, want %q", got, want)
	}
	if f, err = os.OpenFile(services, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if line, err := bufio.NewReader(f).ReadString('\n'); line != "VS [192.0.2.10]:tcp:80 UP\n" {
		t.Errorf("services: %q, %v", line, err)
	}
	n.Close(20 * time.Second)
	if p.text() != "" {
		t.Error(p.text())
	}
}

// TestKeepalived_Mails: subjects and texts as keepalived 2.2.7 sends them.
func TestKeepalived_Mails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change        Change
		subject, body string
	}{
		{change("VI_1", Master), "VRRP Instance VI_1 - Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <=\n"},
		{change("VI_1", Fault), "VRRP Instance VI_1 - Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <=\n"},
		{Change{Kind: Group, Name: "G", State: Master}, "VRRP Group G - Entering MASTER state", "=> All VRRP group instances are now in MASTER state <=\n"},
		{Change{Kind: Group, Name: "G", State: Fault}, "VRRP Group G - Entering FAULT state", "=> All VRRP group instances are now in FAULT state <=\n"},
		{Change{Subject: "Realserver x - DOWN", Text: "CHECK failed"}, "Realserver x - DOWN", "=> CHECK failed <=\n"},
		{Change{Subject: "Realserver x - DOWN", Text: "CHECK failed", Reason: "tcp: refused"}, "Realserver x - DOWN", "=> CHECK failed <=\n\ntcp: refused\n"},
	} {
		if subject, body := asKeepalived(tt.change); subject != tt.subject || body != tt.body {
			t.Errorf("%+v: %q, %q", tt.change, subject, body)
		}
	}
}
