package lab

import "golang.org/x/sys/unix"

// SmallDisk gives the host's directory, which must be empty, a disk of its own in
// memory, so that a test can fill it.
func (h *Host) SmallDisk(size string) {
	h.lab.tb.Helper()
	if err := unix.Mount("tmpfs", h.dir, "tmpfs", 0, "size="+size); err != nil {
		h.lab.tb.Fatalf("mount disk of %s: %v", h.Name, err)
	}
	h.lab.onClose(func() { _ = unix.Unmount(h.dir, unix.MNT_DETACH) }) // the removal of the lab tells
}
