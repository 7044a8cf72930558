// Package hangup keeps HUP from ending a daemon that has only just been
// started. The default of a Go program is to die of it, and until main has read
// its command line whole packages are set up, on a busy machine for a long time.
// Whoever imports this package is deaf to HUP before that, as it depends on
// nothing but os/signal and packages are set up as soon as what they depend on
// is. Nothing is lost: a daemon reads its files later than it begins to listen.
package hangup

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// init is the earliest moment of this process that its own code can choose.
func init() {
	if all := unwanted(os.Args); len(all) > 0 { // none would mean every one
		signal.Ignore(all...)
	}
}

// unwanted are the signals that a command line must not end by: none for
// commands of people. Roles and the guard leave when the supervisor does.
func unwanted(args []string) []os.Signal {
	const standIn = "keepalived"
	name := args[0]
	name = name[max(0, len(name)-len(standIn)):] // package strings would be set up first
	is := func(command string) bool { return slices.Contains(args[1:], command) }
	switch {
	case is("role"), is("guard"):
		return []os.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT}
	case is("run"), is(standIn), name == standIn:
		return []os.Signal{syscall.SIGHUP}
	}
	return nil
}
