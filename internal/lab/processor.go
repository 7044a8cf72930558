package lab

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// stayOnOneProcessor keeps the calling thread, and what it starts, on one of the
// processors that it may use: one that no other caller on this machine has, as
// long as there are any. The returned function gives it back to the others.
//
// A guest has one processor, and its kernel and its programs take turns on it.
// As processes of the host they wake each other up with every system call; on
// two virtual processors that each go idle in between, that takes ten times as
// long.
func stayOnOneProcessor() (free func(), err error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, fmt.Errorf("read the processors of a thread: %w", err)
	}
	var all []int
	for cpu := 0; len(all) < allowed.Count(); cpu++ {
		if allowed.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	mine, free := all[0], func() {}
	for _, cpu := range all {
		if lock := claimProcessor(cpu); lock != nil {
			mine, free = cpu, func() { lock.Close() }
			break
		}
	}
	var one unix.CPUSet
	one.Set(mine)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		free()
		return nil, fmt.Errorf("stay on processor %d: %w", mine, err)
	}
	return free, nil
}

// claimProcessor returns a lock on a processor, nil if somebody has it. The lock
// ends with its file, at the latest with this process.
func claimProcessor(cpu int) *os.File {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("vipd-processor-%d", cpu)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil
	}
	return f
}
