package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

var scriptTarget = netip.MustParseAddrPort("192.0.2.1:80")

// shell returns a change that runs a line of shell.
func shell(line string, codes healthcheck.ExitCodes) func(*healthcheck.Settings) {
	return func(s *healthcheck.Settings) {
		s.Params = healthcheck.Script{Command: healthcheck.ListOf("/bin/sh", "-c", line, "sh", "{address}", "{port}"), Codes: codes}
	}
}

func TestScript(t *testing.T) {
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	tests := []struct {
		name   string
		line   string
		codes  healthcheck.ExitCodes
		class  healthcheck.Class
		reason string
		advice healthcheck.Advice
	}{
		{"content", "true", "", ok, "exit status 0", healthcheck.Advice{}},
		{"says why", "echo all is well; echo more", "", ok, "exit status 0: all is well", healthcheck.Advice{}},
		{"target", `echo "$1 $2"`, "", ok, "exit status 0: 192.0.2.1 80", healthcheck.Advice{}},
		{"not content", "echo disk full >&2; exit 1", "", status, "exit status 1: disk full", healthcheck.Advice{}},
		{"weight", "exit 52", healthcheck.ExitWeight, ok, "exit status 52", healthcheck.Advice{Mode: healthcheck.AdviceSet, Value: 50}},
		{"weight 0", "exit 2", healthcheck.ExitWeight, ok, "exit status 2", healthcheck.Advice{Mode: healthcheck.AdviceSet}},
		{"no weight", "exit 0", healthcheck.ExitWeight, ok, "exit status 0", healthcheck.Advice{}},
		{"weight and failure", "exit 1", healthcheck.ExitWeight, status, "exit status 1", healthcheck.Advice{}},
		{"nagios warning", "echo 'WARNING - slow | time=3s'; exit 1", healthcheck.ExitNagios, ok, "exit status 1: WARNING - slow", healthcheck.Advice{}},
		{"nagios critical", "exit 2", healthcheck.ExitNagios, status, "exit status 2", healthcheck.Advice{}},
		{"nagios unknown", "echo cannot tell; exit 3", healthcheck.ExitNagios, healthcheck.ClassInternal, "exit status 3: cannot tell", healthcheck.Advice{}},
		{"killed", "kill -9 $$", "", status, "script was killed by signal 9 (killed)", healthcheck.Advice{}},
		{"noise", `printf '\000\377\033[2J'`, "", ok, "exit status 0: ?\uFFFD?[2J", healthcheck.Advice{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := expect(t, New(Options{}), keyOf(healthcheck.KindScript, scriptTarget, shell(tt.line, tt.codes)), tt.class, tt.reason)
			if r.Advice != tt.advice {
				t.Errorf("advice %+v, want %+v", r.Advice, tt.advice)
			}
		})
	}
}

func TestScriptThatIsNotThere(t *testing.T) {
	k := keyOf(healthcheck.KindScript, scriptTarget, func(s *healthcheck.Settings) {
		s.Params = healthcheck.Script{Command: healthcheck.ListOf("/nonexistent/check")}
	})
	expect(t, New(Options{}), k, healthcheck.ClassInternal, "start script: fork/exec /nonexistent/check: no such file or directory")
}

// TestScriptsThatMisbehave: whatever a script does, its probe ends in time and
// none of its processes is left.
func TestScriptsThatMisbehave(t *testing.T) {
	tests := []struct{ name, line string }{
		{"hangs", "READY; sleep 100"},
		{"ignores TERM", "trap '' TERM; READY; while :; do sleep 100; done"},
		{"prints for ever", "READY; yes"},
		{"forks and hangs", "sleep 100 & sleep 100 & READY; wait"},
		{"leaves a child behind", "READY; sleep 100 >/dev/null 2>&1 &"},
		{"leaves a child with its output", "READY; sleep 100 &"},
		{"stops itself", "READY; kill -STOP $$"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			f := newFuse(t)
			go f.burnWhen(func() bool {
				text, _ := os.ReadFile(file)
				return strings.HasSuffix(string(text), "\n")
			})
			r := New(Options{}).Run(f, keyOf(healthcheck.KindScript, scriptTarget, func(s *healthcheck.Settings) {
				shell(strings.ReplaceAll(tt.line, "READY", "echo $$ >"+file), "")(s)
				s.Timeout = time.Minute
			}))
			leaves := strings.HasPrefix(tt.name, "leaves")
			if !leaves && (r.Class != healthcheck.ClassTimeout || r.Reason != "no end of the script within 1m0s") {
				t.Errorf("result %s %q", r.Class, r.Reason)
			}
			if r.Duration > 30*time.Second {
				t.Errorf("it took %v", r.Duration)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			group, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			for end := time.Now().Add(5 * time.Second); syscall.Kill(-group, 0) == nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("process group %d lives on", group)
				}
			}
		})
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state-{address}")
	real := strings.ReplaceAll(path, "{address}", "192.0.2.1")
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	tests := []struct {
		name, text string
		params     healthcheck.File
		class      healthcheck.Class
		reason     string
		advice     healthcheck.Advice
	}{
		{"empty", "", healthcheck.File{}, ok, "the file is empty", healthcheck.Advice{}},
		{"zero", "0\n", healthcheck.File{}, ok, "the file holds 0", healthcheck.Advice{}},
		{"number", "1\n", healthcheck.File{}, status, "the file holds 1", healthcheck.Advice{}},
		{"weight", "-3\n", healthcheck.File{Weight: 2}, ok, "the file holds -3", healthcheck.Advice{Mode: healthcheck.AdviceAdd, Value: -6}},
		{"word", "drain\n", healthcheck.File{Words: true}, ok, "it says up, weight 0", healthcheck.Advice{Mode: healthcheck.AdviceSet}},
		{"word down", "down for repair\n", healthcheck.File{Words: true}, status, "it says down: for repair", healthcheck.Advice{}},
		{"word that is not wanted", "drain\n", healthcheck.File{}, healthcheck.ClassProtocol, `the file holds "drain", which is no number`, healthcheck.Advice{}},
		{"large", strings.Repeat("9", 10000), healthcheck.File{}, healthcheck.ClassProtocol, "the file holds \"999…", healthcheck.Advice{}},
	}
	probe := func(p healthcheck.File) healthcheck.Key {
		p.Path = path
		return keyOf(healthcheck.KindFile, scriptTarget, func(s *healthcheck.Settings) { s.Params = p })
	}
	expect(t, New(Options{}), probe(healthcheck.File{}), ok, "no such file")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(real, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if r := expect(t, New(Options{}), probe(tt.params), tt.class, tt.reason); r.Advice != tt.advice {
				t.Errorf("advice %+v, want %+v", r.Advice, tt.advice)
			}
		})
	}
	if err := os.Remove(real); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(real, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, New(Options{}), probe(healthcheck.File{}), healthcheck.ClassInternal, real+" is not a regular file")
}

func TestOnAndOff(t *testing.T) {
	expect(t, New(Options{}), keyOf(healthcheck.KindOn, scriptTarget, nil), healthcheck.ClassOK, "on by configuration")
	expect(t, New(Options{}), keyOf(healthcheck.KindOff, scriptTarget, nil), healthcheck.ClassStatus, "off by configuration")
}
