package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/notify"
)

// record writes what a router role says of the addresses that it has put up.
func record(t *testing.T, dir string, addresses ...string) {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, a := range addresses {
		all = append(all, fmt.Sprintf(`{"interface": "eth0", "address": %q}`, a))
	}
	text := fmt.Sprintf(`{"boot_id": %q, "addresses": [%s]}`, strings.TrimSpace(string(boot)), strings.Join(all, ", "))
	if err := os.WriteFile(filepath.Join(dir, "addresses.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What a router role that hangs leaves on the host is removed without it, before
// the checker is told to leave; when that fails, the stop fails and says what is
// left, and the last will finds it unfinished.
func TestSafety_2_10_StopTriesAgain(t *testing.T) {
	errHeld := errors.New("held")
	for name, c := range map[string]struct {
		left []string // by the router role
		err  error    // of the other try
		keep bool
		want string // in the error of the stop
	}{
		"nothing left":          {},
		"removed by another":    {left: []string{"192.0.2.100/24"}},
		"stays":                 {left: []string{"192.0.2.100/24", "2001:db8::100/64"}, err: errHeld, want: "192.0.2.100/24 on eth0, 2001:db8::100/64 on eth0 may be left: held"},
		"six stay":              {left: []string{"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24", "192.0.2.4/24", "192.0.2.5/24", "192.0.2.6/24"}, err: errHeld, want: "192.0.2.5/24 on eth0, and 1 more may be left"},
		"left because it shall": {left: []string{"192.0.2.100/24"}, keep: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			record(t, dir, c.left...)
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				router, checker := fakeRole{hangs: !c.keep}, fakeRole{}
				r, _, endRouter := startChild(&router)
				defer endRouter()
				ch, _, endChecker := startChild(&checker)
				defer endChecker()
				events := newEventLog(newLogger(io.Discard, "info", "text"))
				s := &supervisor{
					opt: Options{RuntimeDir: dir, KeepAddresses: c.keep}, cfg: &conf.Config{}, router: r, checker: ch, events: events,
					hooks: newHooks(func(string, string, map[string]any) {}),
				}
				s.alerts = newAlerts(events.add, s.hooks.start, func(notify.Change) {})
				s.finish = func(bound time.Duration) error {
					if tries++; bound != s.addressBound() {
						t.Errorf("another try may take %v, want %v", bound, s.addressBound())
					}
					if !isUnfinished(dir) || checker.stopped.Load() {
						t.Error("the other try comes before a stop or after the table")
					}
					return c.err
				}
				err := s.leave(&signalSet{})
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("stop: %v, want %q", err, c.want)
				}
				if again := len(c.left) > 0 && !c.keep; again != (tries == 1) {
					t.Errorf("%d other tries", tries)
				}
				if !checker.stopped.Load() {
					t.Error("the checker was not told to leave")
				}
				if isUnfinished(dir) != (c.err != nil) {
					t.Errorf("the stop is unfinished: %v", isUnfinished(dir))
				}
			})
		})
	}
}

// An instance whose stop is unfinished is found dead by a last will, not stopped.
func TestEndInstance(t *testing.T) {
	for _, unfinished := range []bool{false, true} {
		dir := t.TempDir()
		lock, _, err := lockInstance(dir)
		if err == nil && unfinished {
			err = beginLeaving(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
		endInstance(lock, dir)
		if dead(dir) != unfinished {
			t.Errorf("unfinished: %v, but somebody is dead: %v", unfinished, dead(dir))
		}
		// The next start decides about what is left.
		next, _, err := claimInstance(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		next.Close()
		if isUnfinished(dir) {
			t.Error("the stop before is unfinished after a start")
		}
	}
}

// TestProcessThatTheKernelHolds: the end of a killed process is not waited for
// beyond a bound.
func TestProcessThatTheKernelHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		killed := false
		p := &process{done: make(chan struct{}), kill: func() { killed = true }}
		before := time.Now()
		if err := p.awaitEnd(time.Minute); !errors.Is(err, errNoAnswer) || !killed {
			t.Errorf("%v, killed: %v", err, killed)
		}
		if took := time.Since(before); took != time.Minute+killBound {
			t.Errorf("it took %v", took)
		}
	})
}
