package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

// stall is a time in which a processor stood still: not even a thread of the
// highest priority ran when it should have, and no daemon can help it.
type stall struct{ From, To time.Duration } // since the watch began

// standstill returns the longest time within a window in which some processor
// stood still. A hypervisor takes one away after the other, and whoever worked
// there waits for the first, moves, and waits for the second.
func standstill(stalls []stall, window time.Duration) (most time.Duration) {
	united := unite(stalls)
	within := func(from time.Duration) (sum time.Duration) {
		for _, s := range united {
			sum += max(0, min(s.To, from+window)-max(s.From, from))
		}
		return sum
	}
	for _, s := range united { // the most is where a window begins or ends with one
		most = max(most, within(s.From), within(s.To-window))
	}
	return most
}

// unite makes one of stalls that overlap.
func unite(stalls []stall) (united []stall) {
	stalls = slices.SortedFunc(slices.Values(stalls), func(a, b stall) int { return int(a.From - b.From) })
	for _, s := range stalls {
		if n := len(united); n > 0 && s.From <= united[n-1].To {
			united[n-1].To = max(united[n-1].To, s.To)
			continue
		}
		united = append(united, s)
	}
	return united
}

func TestStandstill(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		stalls []stall
		want   time.Duration
	}{
		"none":                        {nil, 0},
		"one":                         {[]stall{{5 * ms, 9 * ms}}, 4 * ms},
		"longer than the window":      {[]stall{{0, 90 * ms}}, 30 * ms},
		"two processors, overlapping": {[]stall{{10 * ms, 20 * ms}, {15 * ms, 25 * ms}}, 15 * ms},
		"one after the other":         {[]stall{{40 * ms, 60 * ms}, {0, 20 * ms}, {21 * ms, 40 * ms}}, 29*ms + ms},
		"too far from each other":     {[]stall{{0, 10 * ms}, {100 * ms, 120 * ms}}, 20 * ms},
		"window ends with one":        {[]stall{{0, 4 * ms}, {20 * ms, 40 * ms}}, 20 * ms},
		"partly in the window":        {[]stall{{0, 10 * ms}, {25 * ms, 40 * ms}}, 15 * ms},
	} {
		if got := standstill(c.stalls, 30*ms); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// watchStalls watches every processor. The returned function ends that and
// tells the standstill within a window.
func watchStalls(t *testing.T, h *lab.Host, window time.Duration) func() time.Duration {
	t.Helper()
	p := play(t, h, "stalls")
	lab.WaitFor(t, "stalls are watched", time.Minute, func() error {
		if !strings.Contains(p.Log(), "watching") {
			return fmt.Errorf("it says %q", p.Log())
		}
		return nil
	})
	return func() time.Duration {
		p.Signal(syscall.SIGTERM)
		var stalls []stall
		lab.WaitFor(t, "the stalls", time.Minute, func() error {
			_, said, _ := strings.Cut(p.Log(), "stalls ")
			return json.Unmarshal([]byte(said), &stalls)
		})
		return standstill(stalls, window)
	}
}

// noteStalls is the role of watchStalls: it looks on every processor, as a
// hypervisor takes away one at a time, and whoever works there with it.
func noteStalls() {
	var processors unix.CPUSet
	if err := unix.SchedGetaffinity(0, &processors); err != nil {
		fmt.Println("get the processors:", err)
		return
	}
	runtime.GOMAXPROCS(processors.Count() + 1)
	ended, end := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer end()
	var watching errgroup.Group
	var mu sync.Mutex
	all, began := []stall{}, time.Now()
	for cpu := range len(processors) * bits.UintSize {
		if processors.IsSet(cpu) {
			watching.Go(func() error {
				stalls, err := stallsOf(ended, cpu, began)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, stalls...)
				return err
			})
		}
	}
	fmt.Println("watching")
	if err := watching.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print("stalls ")
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Println(err)
	}
}

// stallsOf watches one processor until the context ends.
func stallsOf(ended context.Context, cpu int, began time.Time) (stalls []stall, err error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	var only unix.CPUSet
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return nil, fmt.Errorf("stay on processor %d: %w", cpu, err)
	}
	const policyFIFO, highest, nap, ordinary = 1, 99, time.Millisecond, time.Millisecond
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policyFIFO, Priority: highest}, 0); err != nil {
		return nil, fmt.Errorf("set the highest priority: %w", err)
	}
	for last := time.Since(began); ended.Err() == nil; {
		pause := unix.NsecToTimespec(int64(nap))
		_ = unix.Nanosleep(&pause, nil) // a short nap only looks early
		now := time.Since(began)
		if now-last > nap+ordinary {
			stalls = append(stalls, stall{last + nap, now})
		}
		last = now
	}
	return stalls, nil
}
