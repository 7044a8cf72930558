package runner

import "time"

// busyList counts the probes that count against the limit. Probes enter in
// the order of their start; the zero value is empty.
type busyList struct {
	count   int
	flights []*flight // by start; those landed or forgiven are left out lazily
}

func (b *busyList) add(f *flight) {
	f.busy = true
	b.count++
	b.flights = append(b.flights, f)
}

// remove ends the counting of f, if it still counted.
func (b *busyList) remove(f *flight) {
	if f.busy {
		b.drop(f)
	}
	b.trim()
}

// forgive ends the counting of all probes that started at or before t.
func (b *busyList) forgive(t time.Time) {
	for b.trim(); len(b.flights) > 0 && !b.flights[0].start.After(t); b.trim() {
		b.drop(b.flights[0])
	}
}

// drop ends the counting of f, here and in its lane.
func (b *busyList) drop(f *flight) {
	f.busy = false
	f.lane.busy--
	b.count--
}

// oldest returns the start of the first probe that counts. There must be one.
func (b *busyList) oldest() time.Time {
	b.trim()
	return b.flights[0].start
}

// trim drops probes in front that count no more.
func (b *busyList) trim() {
	for len(b.flights) > 0 && !b.flights[0].busy {
		b.flights[0] = nil
		b.flights = b.flights[1:]
	}
}
