package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/spawn"
)

// Bounds of a script.
const (
	maxOutput   = 4 << 10                // kept of what it prints; the rest is thrown away
	termination = 500 * time.Millisecond // from TERM to KILL, on top of the timeout
)

// prepareScript prepares a check that runs a program of this host, without a
// shell, in a process group of its own. When the program ends, or its time
// does, whatever is left of the group is killed.
func prepareScript(s healthcheck.Settings, _ Options) (check, error) {
	p := s.Params.(healthcheck.Script)
	words := p.Command.All()
	attributes, err := spawn.Attributes(p.User)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		a.phase = phaseScript
		filled := make([]string, len(words))
		for i, w := range words {
			filled[i] = forTarget(a.key.Target, w)
		}
		output := &headBuffer{}
		status, err := runGroup(ctx, filled, attributes, output)
		if err != nil {
			return "", err
		}
		return a.judgeScript(p.Codes, status, output.line())
	}, nil
}

// forTarget replaces {address} and {port} by those of a target.
func forTarget(target netip.AddrPort, text string) string {
	return strings.NewReplacer("{address}", target.Addr().String(), "{port}", strconv.Itoa(int(target.Port()))).Replace(text)
}

// runGroup runs a program until it ends or ctx does. In the second case the
// group gets TERM and, if it is not gone soon, KILL.
func runGroup(ctx context.Context, words []string, attributes *syscall.SysProcAttr, output *headBuffer) (*os.ProcessState, error) {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.SysProcAttr = attributes
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = spawn.Environment()
	var group spawn.Group
	cmd.Cancel = func() error { return group.End(cmd.Process.Pid, termination) }
	cmd.WaitDelay = termination // then an end to reading its output
	if err := spawn.Start(cmd); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, internal(fmt.Errorf("start script: %w", err))
	}
	ordinary(cmd.Process.Pid)
	err := group.Wait(cmd)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, internal(fmt.Errorf("wait for script: %w", err))
	}
	return cmd.ProcessState, nil
}

// ordinary takes back a real-time priority that a program got from us: it must
// not keep the processor from those who watch it. It may have ended.
func ordinary(pid int) {
	_ = unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
}

// judgeScript says what an exit status means.
func (a *attempt) judgeScript(codes healthcheck.ExitCodes, status *os.ProcessState, output string) (string, error) {
	if ws, ok := status.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "", &failure{healthcheck.ClassStatus, withOutput(fmt.Sprintf("script was killed by signal %d (%s)", ws.Signal(), ws.Signal()), output)}
	}
	code := status.ExitCode()
	text := withOutput(fmt.Sprintf("exit status %d", code), output)
	switch {
	case code == 0, code == 1 && codes == healthcheck.ExitNagios:
		return text, nil
	case code >= 2 && codes == healthcheck.ExitWeight:
		a.result.Advice = healthcheck.Advice{Mode: healthcheck.AdviceSet, Value: code - 2}
		return text, nil
	case code == 3 && codes == healthcheck.ExitNagios:
		return "", internal(errors.New(text))
	}
	return "", &failure{healthcheck.ClassStatus, text}
}

func withOutput(text, output string) string {
	if output == "" {
		return text
	}
	return text + ": " + output
}

// headBuffer keeps the beginning of what is written to it. Only the goroutine
// that copies a script's output writes, and it is read after that ended.
type headBuffer struct{ kept bytes.Buffer }

// Write implements io.Writer.
func (h *headBuffer) Write(p []byte) (int, error) {
	if room := maxOutput - h.kept.Len(); room > 0 {
		h.kept.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// line returns the first line, without what Nagios calls performance data.
func (h *headBuffer) line() string {
	first, _, _ := strings.Cut(strings.TrimSpace(h.kept.String()), "\n")
	first, _, _ = strings.Cut(first, "|")
	return strings.TrimSpace(first)
}
