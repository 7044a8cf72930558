package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a shell script and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	// A process that is forked meanwhile has the file open for writing, too, until
	// it executes its program: nobody can execute the file then (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		fails      bool
		timedOut   bool
		output     string
	}{
		{"status 0", "echo well", false, false, "well"},
		{"status 3", "echo ill >&2; exit 3", true, false, "ill"},
		{"killed by a signal", "kill -9 $$", true, false, ""},
		{"hangs", "echo begun; sleep 60", true, true, "begun"},
		{"hangs and ignores TERM", "trap '' TERM; while :; do sleep 0.1; done", true, true, ""},
		{"leaves a child with the output", "sleep 60 & echo gone", false, false, "gone"},
		{"control characters", `printf 'a\033[31mb\000c'`, false, false, "a\ufffd[31mb\ufffdc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			r := Run(context.Background(), Command{Args: []string{script(t, c.body)}, Timeout: 300 * time.Millisecond})
			if (r.Err != nil) != c.fails || r.TimedOut != c.timedOut || r.Output != c.output {
				t.Errorf("%+v", r)
			}
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Megabytes of output cost neither memory nor the verdict.
func TestRunBoundsOutput(t *testing.T) {
	t.Parallel()
	r := Run(context.Background(), Command{Args: []string{script(t, "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end")}, Timeout: 30 * time.Second})
	if r.Err != nil || len(r.Output) > tailSize+8 || !strings.HasPrefix(r.Output, "… ") || !strings.HasSuffix(r.Output, "the end") {
		t.Errorf("%v, %d bytes of output", r.Err, len(r.Output))
	}
}

// Nothing of the process group outlives the run.
func TestRunLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"after its end":   `sleep 60 & echo $! > "$1"`,
		"after a timeout": `sleep 60 & echo $! > "$1"; wait`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			note := filepath.Join(t.TempDir(), "pid")
			Run(context.Background(), Command{Args: []string{script(t, body), note}, Timeout: 300 * time.Millisecond})
			text, err := os.ReadFile(note)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(10 * time.Second)
			for alive(pid) {
				if time.Now().After(deadline) {
					t.Fatalf("child %d lives on", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	unsafe := script(t, "exit 0")
	if err := os.Chmod(unsafe, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"/nonexistent"}, {unsafe}} {
		if r := Run(context.Background(), Command{Args: args, Timeout: time.Second}); r.Err == nil {
			t.Errorf("%v ran", args)
		}
	}
	if r := Run(context.Background(), Command{Args: []string{script(t, "")}, Timeout: time.Second, User: "no such user"}); r.Err == nil {
		t.Error("ran as an unknown user")
	}
}

func TestRunAsUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	r := Run(context.Background(), Command{Args: []string{"/usr/bin/id", "-u"}, Timeout: 10 * time.Second, User: "nobody"})
	if r.Err != nil || r.Output != "65534" {
		t.Errorf("%+v", r)
	}
}

// The end of the context ends the program as a timeout does.
func TestRunIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	r := Run(ctx, Command{Args: []string{script(t, "sleep 60")}, Timeout: time.Minute})
	if r.Err == nil || errors.Is(r.Err, syscall.ESRCH) {
		t.Errorf("%+v", r)
	}
}
