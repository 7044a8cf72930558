package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

const (
	// lookEvery is how often the processes are counted.
	lookEvery = time.Second
	// lookSoon is the pause after the kernel told of a change, in which more
	// changes become one look.
	lookSoon = 50 * time.Millisecond
)

// processObserver counts the processes of a program.
type processObserver struct {
	conf.TrackProcess
	buffer conf.Buffer // for what the kernel tells
}

func (o *processObserver) id() vrrp.TrackID {
	return vrrp.TrackID{Kind: vrrp.TrackProcess, Name: o.Name}
}

func (o *processObserver) unnamed() any {
	settings := o.TrackProcess
	settings.Name = ""
	return settings
}

func (o *processObserver) judge() judge {
	return judge{rise: 1, fall: 1, holdUp: o.UpDelay, holdDown: o.Delay}
}

func (o *processObserver) run(ctx context.Context, tell func(result)) {
	o.look(ctx, lookEvery, processChanges(ctx, o.buffer), tell)
}

// look counts the processes at every interval and soon after each change.
func (o *processObserver) look(ctx context.Context, interval time.Duration, changes <-chan struct{}, tell func(result)) {
	for {
		start := time.Now()
		if n, err := o.count(); err == nil { // else the last result stands
			tell(result{good: o.enough(n), detail: fmt.Sprintf("%d of %d processes", n, o.Quorum), took: time.Since(start)})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			continue
		case <-changes:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookSoon):
		}
	}
}

// enough judges a number of processes.
func (o *processObserver) enough(n int) bool {
	if o.Most < 0 {
		return n == 0
	}
	return n >= o.Quorum && (o.Most == 0 || n <= o.Most)
}

// count counts the processes that match. An error tells about this process, and
// nothing about those.
func (o *processObserver) count() (n int, err error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		match, err := o.matches(pid)
		if exhausted(err) {
			return 0, err
		}
		if match {
			n++
		}
	}
	return n, nil
}

// exhausted reports whether an error is about what this process may open, and
// not about what it tried to.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// matches compares a process: a path with its executable, a name with the
// first word of its command line or with the kernel's name of it. A zombie has
// no command line and does not count. One that has ended meanwhile is an error.
func (o *processObserver) matches(pid int) (bool, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(line) == 0 {
		return false, err
	}
	words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	if !o.fits(words[1:]) {
		return false, nil
	}
	if o.Full {
		return words[0] == o.Program, nil
	}
	if strings.Contains(o.Program, "/") {
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		return err == nil && strings.TrimSuffix(exe, " (deleted)") == o.Program, err
	}
	if filepath.Base(words[0]) == o.Program {
		return true, nil
	}
	comm, err := os.ReadFile(filepath.Join(dir, "comm"))
	return err == nil && strings.TrimSuffix(string(comm), "\n") == o.Program, err
}

// fits compares the arguments of a process.
func (o *processObserver) fits(have []string) bool {
	n := len(o.Args)
	switch {
	case len(have) < n:
		return false
	case o.Match == conf.MatchExact:
		return slices.Equal(have, o.Args)
	case o.Match == conf.MatchPrefix && n > 0:
		return slices.Equal(have[:n-1], o.Args[:n-1]) && strings.HasPrefix(have[n-1], o.Args[n-1])
	}
	return slices.Equal(have[:n], o.Args)
}
