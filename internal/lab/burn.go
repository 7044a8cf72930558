package lab

import (
	"os/exec"
	"syscall"
)

// Burn lets endless loops compete for the processors until the end of the test,
// each in a session of its own: the kernel shares processors between sessions
// first.
func Burn(tb TB, loops int) {
	tb.Helper()
	for range loops {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			tb.Fatalf("start an endless loop: %v", err)
		}
		tb.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
}
