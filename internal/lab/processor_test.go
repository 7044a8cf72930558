package lab

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Threads that each want one processor get different ones, as long as there are
// any, and what is given back is taken again.
func TestStayOnOneProcessor(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	take := func() (cpu int, free func()) {
		t.Helper()
		result := make(chan func())
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with its processor
			free, err := stayOnOneProcessor()
			if err != nil {
				t.Error(err)
			}
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() != 1 {
				t.Errorf("%d processors, error %v", set.Count(), err)
			}
			for !set.IsSet(cpu) {
				cpu++
			}
			result <- free
		}()
		free = <-result
		return cpu, free
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	taken := make(map[int]func())
	for range allowed.Count() {
		cpu, free := take()
		if taken[cpu] != nil {
			t.Errorf("processor %d is given twice", cpu)
		}
		taken[cpu] = free
	}
	cpu, free := take() // there are no more
	free()
	taken[cpu]()
	if again, free := take(); again != cpu {
		t.Errorf("processor %d was given back, %d is taken", cpu, again)
	} else {
		free()
	}
}
