// Package netns works in other network namespaces than the one that the process
// was started in.
package netns

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// dir is where ip-netns(8) keeps namespaces by name.
const dir = "/run/netns"

// Path returns the file of a namespace: its name, or a path already.
func Path(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return filepath.Join(dir, name)
}

// Inside reports whether the calling thread is in the namespace of that name; in
// that of "" it always is.
func Inside(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	var here, there unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &here); err != nil {
		return false, fmt.Errorf("find own network namespace: %w", err)
	}
	if err := unix.Stat(Path(name), &there); err != nil {
		return false, fmt.Errorf("find network namespace %s: %w", name, err)
	}
	return here.Dev == there.Dev && here.Ino == there.Ino, nil
}

// enter moves the calling thread, which must be locked to its goroutine.
func enter(name string) error {
	f, err := os.Open(Path(name))
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return nil
}

// Do runs f by a thread in a namespace; sockets that it makes belong there, and
// /proc/sys/net is that of the namespace. Of "" it is where the caller is. What f
// starts in other goroutines is not there.
func Do(name string, f func() error) error {
	if name == "" {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and nothing else
		// ever runs on it.
		runtime.LockOSThread()
		err := enter(name)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Exec executes a program in place of this one in a namespace, with the same
// arguments and environment. It returns only when it fails. execve(2) leaves one
// thread alive, the calling one, and the program inherits its namespaces.
func Exec(name, binary string) error {
	runtime.LockOSThread()
	if err := enter(name); err != nil {
		runtime.UnlockOSThread() // it has not moved
		return err
	}
	if err := unix.Exec(binary, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("execute %s in network namespace %s: %w", binary, name, err)
	}
	return nil
}
