package daemon

import (
	"os"
	"os/signal"
	"syscall"
)

// signalSet sorts the signals of the supervisor. Each kind holds one signal: a
// hundred HUPs while a reload runs are one more reload.
type signalSet struct {
	terminate, reload, dump, upgrade chan os.Signal
	keepalived                       bool // SIGUSR2 means what it means there
}

// Signals by which scripts ask keepalived for its state, statistics, JSON, and
// to clear the statistics after a look at them.
const (
	signalData  = syscall.SIGUSR1
	signalStats = syscall.SIGUSR2
	signalJSON  = syscall.Signal(36)
	signalClear = syscall.Signal(63)
)

// dumpSignals are those; one of them means an upgrade otherwise.
var dumpSignals = []os.Signal{signalData, signalStats, signalJSON, signalClear}

// listenSignals comes first of all: a HUP that arrives during the start is a
// reload after it. A stop ends the start as it would any program, until
// catchStop.
func listenSignals(keepalived bool) *signalSet {
	one := func() chan os.Signal { return make(chan os.Signal, 1) }
	s := &signalSet{terminate: one(), reload: one(), dump: make(chan os.Signal, 4), upgrade: one(), keepalived: keepalived}
	s.listen()
	return s
}

// listen makes the signals arrive.
func (s *signalSet) listen() {
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.dump, signalData, signalJSON, signalClear)
	if s.keepalived {
		signal.Notify(s.dump, signalStats)
		return
	}
	signal.Notify(s.upgrade, syscall.SIGUSR2)
}

// catchStop is called once there is something to leave in order.
func (s *signalSet) catchStop() { signal.Notify(s.terminate, syscall.SIGTERM, syscall.SIGINT) }

// releaseStop is for a process that executes another binary: a stop that came
// before is in terminate, and one that comes now ends the process, which its
// roles notice, until the other binary catches it. execve(2) would lose what is
// caught here and not read any more; the runtime lets no program block it.
func (s *signalSet) releaseStop() { signal.Stop(s.terminate) }

// close hands the signals back.
func (s *signalSet) close() {
	for _, ch := range []chan<- os.Signal{s.terminate, s.reload, s.dump, s.upgrade} {
		signal.Stop(ch)
	}
}

// ignoreSignals protects a role process: a terminal or service manager
// signals a whole group at once, and a checker that left on its own would
// wipe the table under a served address. Roles leave when the supervisor
// says so or is gone.
func ignoreSignals() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	signal.Ignore(dumpSignals...)
}
