package hangup

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// mortal names, in a process of its own, the signal that it sends to itself.
const mortal = "VIPD_TEST_SIGNAL"

func TestMain(m *testing.M) {
	var sig syscall.Signal
	switch os.Getenv(mortal) {
	case "":
		os.Exit(m.Run())
	case "HUP":
		sig = syscall.SIGHUP
	case "TERM":
		sig = syscall.SIGTERM
	}
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		panic(err)
	}
	time.Sleep(20 * time.Millisecond) // a signal that is not ignored is quicker
	listened := make(chan os.Signal, 1)
	signal.Notify(listened, syscall.SIGHUP)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		panic(err)
	}
	select {
	case <-listened:
	case <-time.After(10 * time.Second):
		panic("deaf for ever")
	}
	os.Exit(0)
}

// A process that nobody has told yet what to do with signals outlives those
// that are not for it, by its command line alone, and hears them as soon as it
// listens.
func TestSignalsBeforeMain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		sig   string
		lives bool
	}{
		{[]string{"vipd", "run"}, "HUP", true},
		{[]string{"vipd", "--runtime-dir", "/run/other", "run"}, "HUP", true},
		{[]string{"vipd", "run"}, "TERM", false},
		{[]string{"vipd", "role", "router"}, "HUP", true},
		{[]string{"vipd", "role", "checker"}, "TERM", true},
		{[]string{"vipd", "guard", "7"}, "TERM", true},
		{[]string{"/usr/sbin/keepalived"}, "HUP", true},
		{[]string{"vipd", "keepalived"}, "HUP", true},
		{[]string{"vipd", "events"}, "HUP", false},
	} {
		cmd := exec.Cmd{Path: self, Args: c.args, Env: append(os.Environ(), mortal+"="+c.sig)}
		out, err := cmd.CombinedOutput()
		if lives := err == nil; lives != c.lives {
			t.Errorf("%v after %s: %v\n%s", c.args, c.sig, err, out)
		}
	}
}
