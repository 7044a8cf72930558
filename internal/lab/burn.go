package lab

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Burn lets endless loops compete for the processors until the end of the test,
// each in a session of its own: the kernel shares processors between sessions
// first.
func Burn(tb TB, loops int) {
	tb.Helper()
	for range loops {
		endlessLoop(tb)
	}
}

// KeepAwake keeps the processors from going idle until the end of the test, with
// endless loops that give way to everything else. A host gives an idle virtual
// processor to others, and at times takes tens of milliseconds to give it back.
func KeepAwake(tb TB) {
	tb.Helper()
	for range runtime.NumCPU() {
		p := endlessLoop(tb)
		const policyIdle = 5
		if err := unix.SchedSetAttr(p.Pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policyIdle}, 0); err != nil {
			tb.Fatalf("give an endless loop the lowest priority: %v", err)
		}
		// Its session has a weight of its own, where the kernel groups by sessions.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", p.Pid), []byte("19"), 0o644)
	}
}

// endlessLoop keeps a processor busy until the end of the test.
func endlessLoop(tb TB) *os.Process {
	tb.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start an endless loop: %v", err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process
}
