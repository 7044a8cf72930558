package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon"
)

// run runs the daemon in the foreground; name is that of one among several.
func (k *keepalivedFlags) run(cmd *cobra.Command, opt daemon.Options, name string) error {
	log, closeLog, err := k.log.open(name)
	if err != nil {
		return usage(err)
	}
	defer closeLog()
	opt.Log = log
	if k.cores || k.corePattern != "" {
		restore, err := daemon.DumpCores(k.corePattern)
		if err != nil {
			fmt.Fprintln(log, err)
		}
		defer restore()
	}
	err = daemon.Run(cmd.Context(), opt)
	if err != nil && log != os.Stderr { // which nobody may see
		fmt.Fprintln(log, "vipd:", err)
	}
	return explainRun(err)
}

// runs reports whether the process in a pid file is another keepalived or vipd.
// A number that another program got meanwhile does not count, nor does that of
// this process, which was another binary when it wrote the file.
func runs(pidFile string) bool {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return false
	}
	pid := strings.TrimSpace(string(text))
	if pid == strconv.Itoa(os.Getpid()) {
		return false
	}
	name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	return err == nil && (strings.HasPrefix(string(name), keepalivedName) || strings.HasPrefix(string(name), "vipd"))
}

// startBound is how long a daemon in the background may take to write its pid.
const startBound = 10 * time.Second

// detach starts the same command in the background and waits for its pid file.
func detach(pidFile string) error {
	os.Remove(pidFile)
	child := exec.Command("/proc/self/exe", append([]string{keepalivedName, "--dont-fork"}, keepalivedArgs(os.Args)...)...)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return problem(fmt.Errorf("start in the background: %w", err))
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for deadline := time.Now().Add(startBound); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			return problem(fmt.Errorf("the daemon ended at once: %w", err))
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := os.Stat(pidFile); err == nil {
			return nil
		}
	}
	return problem(errors.New("the daemon does not start in time"))
}
