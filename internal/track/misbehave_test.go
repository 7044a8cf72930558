package track

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
)

// shell is the command of a script that is not written to a file: one that was
// open for writing a moment ago may still be busy.
func shell(body, argument string) []string {
	return []string{"/bin/sh", "-c", body, "script", argument}
}

// Whatever a script does, its verdict is there in time and its output is
// bounded.
func TestScriptMisbehaves(t *testing.T) {
	t.Parallel()
	const enough = 4096 // bytes of output
	for name, c := range map[string]struct{ body, want, detail string }{
		"hangs":                      {"sleep 60", "down", "took too long"},
		"hangs and ignores TERM":     {"trap '' TERM; while :; do sleep 1; done", "down", "took too long"},
		"hangs in a child":           {"sleep 60 & wait", "down", "took too long"},
		"forks and is well":          {"sleep 60 & exit 0", "up", ""},
		"forks and fails":            {"sleep 60 & exit 7", "down", "exit status 7"},
		"forks again and again":      {"for i in 1 2 3 4 5 6 7 8; do (sleep 60 & sleep 60) & done; exit 0", "up", ""},
		"forks out of its group":     {`setsid sleep 60 & echo $! > "$1"; sleep 0.2; exit 0`, "up", ""},
		"prints megabytes":           {"head -c 5000000 /dev/zero | tr '\\0' x", "up", ""},
		"prints megabytes and fails": {"head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1", "down", "exit status 1"},
		"never stops printing":       {"while :; do echo and on; done", "down", "took too long"},
		"reads what nobody writes":   {"cat", "up", ""},
		"is killed":                  {"kill -KILL $$", "down", "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			note := filepath.Join(t.TempDir(), "pid")
			tracking := chk(shell(c.body, note)...)
			s := &tracking.Scripts[0]
			s.Interval, s.Timeout, s.Fall = time.Hour, 5*time.Second, 1
			if c.detail == "took too long" {
				s.Timeout = 200 * time.Millisecond
			}
			m, reports := observe(t, tracking)
			reports.want(t, "script chk "+c.want+" 0")
			got := m.Status()[0]
			if !strings.Contains(got.Detail, c.detail) || c.detail == "" && got.Detail != "" {
				t.Errorf("detail %q, want %q", got.Detail, c.detail)
			}
			if len(got.Output) > enough {
				t.Errorf("%d bytes of output are kept", len(got.Output))
			}
			endNoted(t, note)
		})
	}
}

// endNoted ends the process that a script noted before it left its group.
func endNoted(t *testing.T, note string) {
	t.Helper()
	text, err := os.ReadFile(note)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// A program that is not safe to run, or cannot run, is not run and is down.
func TestScriptIsRefused(t *testing.T) {
	t.Parallel()
	mode := func(m os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Chmod(path, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"does not exist": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "does not exist"},
		"is writable by others":      {mode(0o757), "others may write to"},
		"is not executable":          {mode(0o644), "is not executable"},
		"is in a writable directory": {func(t *testing.T, path string) { mode(0o777)(t, filepath.Dir(path)) }, "others may write to"},
		"is no program of this system": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("\x7fELF"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "start program"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ran := filepath.Join(t.TempDir(), "ran")
			path := scriptFile(t, `touch "$1"`)
			c.spoil(t, path)
			tracking := chk(path, ran)
			tracking.Scripts[0].Fall = 1
			m, reports := observe(t, tracking)
			reports.want(t, "script chk down 0")
			if d := m.Status()[0].Detail; !strings.Contains(d, c.want) {
				t.Errorf("detail %q, want %q", d, c.want)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("it ran")
			}
		})
	}
}

// Runs of a script that takes longer than its interval never overlap.
func TestScriptNeverOverlaps(t *testing.T) {
	t.Parallel()
	lock := filepath.Join(t.TempDir(), "lock")
	tracking := chk(shell(`mkdir "$1" || exit 1; sleep 0.1; rmdir "$1"`, lock)...)
	tracking.Scripts[0].Timeout, tracking.Scripts[0].Fall = time.Minute, 1
	m, reports := observe(t, tracking)
	reports.want(t, "script chk up 0")
	for deadline := time.Now().Add(20 * time.Second); m.Status()[0].Runs < 4; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no four runs")
		}
	}
	if s := m.Status()[0]; s.Failures > 0 {
		t.Errorf("%d of %d runs met another one", s.Failures, s.Runs)
	}
}

// TestFileIsAPipe: a path that names something else than a file is no number, and
// does not hold up the observer.
func TestFileIsAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := readNumber(path); r.good || r.detail != "not a regular file" {
		t.Errorf("%+v", r)
	}
}

// TestProcessesThatCannotBeCounted: without a descriptor left, nothing is known of
// the processes; they are not gone.
func TestProcessesThatCannotBeCounted(t *testing.T) {
	const inside = "VIPD_TEST_NO_DESCRIPTORS"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProcessesThatCannotBeCounted$")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		t.Fatal(err)
	}
	o := processObserver{TrackProcess: conf.TrackProcess{Program: "init"}}
	if n, err := o.count(); !exhausted(err) {
		t.Errorf("counted %d, %v", n, err)
	}
}
