package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/vipd/vipd/vrrp"
	"golang.org/x/sys/unix"
)

// recordFile, in the runtime directory, is memory that outlives a process:
// which routers were master and when their last adverts left.
const recordFile = "masters"

// Layout of the record: a header, then slots of fixed size, in the byte order
// of the machine.
const (
	recordMagic   = "vipdmstr"
	recordVersion = 1

	headerSize  = 64 // magic 8, version 8, boot id 36 (text), padding, epoch 8
	bootOffset  = 16
	bootSize    = 36
	epochOffset = 56

	slotSize     = 64 // last advert 8, epoch 8, family 1, VRID 1, interface 16, padding, sequence 8
	slotEpoch    = 8
	slotFamily   = 16
	slotVRID     = 17
	slotName     = 18
	slotNameLen  = 16 // IFNAMSIZ
	slotSequence = 40
	slotCount    = 4096

	recordSize = headerSize + slotCount*slotSize
)

// Record remembers masters in shared memory. It implements runner.Recorder;
// writing costs two stores. The supervisor calls Begin once; the router role
// writes, and after a restart reads with Resume.
type Record struct {
	dir   string // of the file; empty for a volatile one
	mem   []byte
	epoch uint64 // at the time of opening

	mu    sync.Mutex
	slots map[vrrp.RouterID]int
	free  []int
}

// OpenRecord maps the record in a runtime directory, which is created if
// missing. A record of another boot or version is emptied.
func OpenRecord(dir string) (*Record, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create runtime directory: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	mem, err := mapFile(filepath.Join(dir, recordFile))
	if err != nil {
		return nil, fmt.Errorf("map record of masters: %w", err)
	}
	r := newRecord(mem, boot)
	r.dir = dir
	return r, nil
}

// VolatileRecord returns a record that ends with this process, for when there is
// no room for one that does not: a restart is a restart as backup then.
func VolatileRecord() (*Record, error) {
	mem, err := unix.Mmap(-1, 0, recordSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("reserve memory: %w", err)
	}
	return newRecord(mem, ""), nil
}

func newRecord(mem []byte, boot string) *Record {
	r := &Record{mem: mem, slots: make(map[vrrp.RouterID]int)}
	r.format(boot)
	r.epoch = r.word(epochOffset).Load()
	r.index()
	return r
}

func mapFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A page without room on the disk would end the process when it is written.
	err = unix.Fallocate(int(f.Fd()), 0, 0, recordSize)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = f.Truncate(recordSize)
	}
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes: %w", recordSize, err)
	}
	return unix.Mmap(int(f.Fd()), 0, recordSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// format empties a record that cannot be of use.
func (r *Record) format(boot string) {
	var head [headerSize]byte
	copy(head[:], recordMagic)
	binary.NativeEndian.PutUint64(head[8:], recordVersion)
	copy(head[bootOffset:bootOffset+bootSize], boot)
	if !bytes.Equal(head[:bootOffset+bootSize], r.mem[:bootOffset+bootSize]) {
		clear(r.mem)
		copy(r.mem, head[:])
	}
}

// index finds the used and the free slots.
func (r *Record) index() {
	for i := range slotCount {
		if id, used := r.id(i); used {
			r.slots[id] = i
		} else {
			r.free = append(r.free, i)
		}
	}
}

// word is a value that other processes may read while it is written.
func (r *Record) word(offset int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&r.mem[offset]))
}

func (r *Record) slot(i int) int { return headerSize + i*slotSize }

func (r *Record) id(i int) (vrrp.RouterID, bool) {
	s := r.mem[r.slot(i):][:slotSize]
	return vrrp.RouterID{
		Interface: unix.ByteSliceToString(s[slotName : slotName+slotNameLen]),
		Family:    vrrp.Family(s[slotFamily]), VRID: s[slotVRID],
	}, s[slotVRID] != 0
}

// Begin starts a new life of the supervisor: what was recorded in earlier
// ones proves nothing any more.
func (r *Record) Begin() {
	r.epoch = r.word(epochOffset).Add(1)
}

// Sent implements runner.Recorder. The time has to come from Now.
func (r *Record) Sent(id vrrp.RouterID, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.find(id); ok {
		r.word(r.slot(i) + slotEpoch).Store(r.epoch)
		r.word(r.slot(i)).Store(uint64(sinceBoot(at)))
	}
}

// Counted implements runner.Recorder.
func (r *Record) Counted(id vrrp.RouterID, sequence uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.find(id); ok {
		r.word(r.slot(i) + slotSequence).Store(sequence)
	}
}

// Sequences returns the last numbers that were Counted during this boot, under
// whatever supervisor.
func (r *Record) Sequences() map[vrrp.RouterID]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := make(map[vrrp.RouterID]uint64)
	for id, i := range r.slots {
		if n := r.word(r.slot(i) + slotSequence).Load(); n > 0 {
			last[id] = n
		}
	}
	return last
}

// Left implements runner.Recorder.
func (r *Record) Left(id vrrp.RouterID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.slots[id]; ok {
		r.word(r.slot(i)).Store(0)
	}
}

// find returns the slot of a router. Beyond 4096 masters there is none: a restart
// is a restart as backup.
func (r *Record) find(id vrrp.RouterID) (int, bool) {
	if i, ok := r.slots[id]; ok {
		return i, true
	}
	return r.allocate(id)
}

// allocate gives a router a slot.
func (r *Record) allocate(id vrrp.RouterID) (int, bool) {
	if len(id.Interface) >= slotNameLen || len(r.free) == 0 && !r.evict() {
		return 0, false
	}
	i := r.free[0]
	r.free = r.free[1:]
	s := r.mem[r.slot(i):][:slotSize]
	copy(s[slotName:slotName+slotNameLen], id.Interface)
	s[slotFamily], s[slotVRID] = uint8(id.Family), id.VRID
	r.slots[id] = i
	return i, true
}

// evict frees the slot of a router that is not master: its interface may have gone
// long ago. Those whose numbers have to go on come last, with the oldest number
// first, as numbers start above the clock.
func (r *Record) evict() bool {
	victim, least := -1, uint64(0)
	for i := range slotCount {
		s := r.slot(i)
		if r.word(s+slotEpoch).Load() == r.epoch && r.word(s).Load() != 0 {
			continue
		}
		if n := r.word(s + slotSequence).Load(); victim < 0 || n < least {
			victim, least = i, n
		}
	}
	if victim < 0 {
		return false
	}
	id, _ := r.id(victim)
	delete(r.slots, id)
	clear(r.mem[r.slot(victim):][:slotSize])
	r.free = append(r.free, victim)
	return true
}

// Resume returns the routers that may go on as master after a restart under
// the same living supervisor: their last advert is so young that no backup
// can have taken over, and all their addresses are on the interface, ours or
// the host's. All others start as backup; an error of the kernel makes that
// all of them.
func (r *Record) Resume(routers []vrrp.Config, now time.Time) map[vrrp.RouterID]bool {
	resume := make(map[vrrp.RouterID]bool)
	have, err := addressesPresent()
	if err != nil {
		return resume
	}
	for _, c := range routers {
		if r.fresh(c, now) && have.all(c, nil) {
			resume[c.ID] = true
		}
	}
	return resume
}

// fresh tells whether a router's last advert is younger than the shortest
// master-down interval of any backup: the skew left out.
func (r *Record) fresh(c vrrp.Config, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.slots[c.ID]
	if !ok || r.word(r.slot(i)+slotEpoch).Load() != r.word(epochOffset).Load() {
		return false
	}
	last := r.word(r.slot(i)).Load()
	if last == 0 {
		return false
	}
	age := sinceBoot(now) - time.Duration(last)
	return age >= 0 && age < c.SilentFor(c.AdvertInterval)
}

// Close unmaps the record; its content stays. The record must not be used
// any more.
func (r *Record) Close() error {
	if err := unix.Munmap(r.mem); err != nil {
		return fmt.Errorf("unmap record of masters: %w", err)
	}
	return nil
}
