package kernel

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// Buffer is the size of a receive buffer in octets. Force exceeds what the
// system allows a process (net.core.rmem_max).
type Buffer struct {
	Size  int
	Force bool
}

// set gives a socket its buffer; without a size one that holds some thousand
// notices, even beyond what is allowed if the kernel lets us.
func (b Buffer) set(s *nl.NetlinkSocket) error {
	var err error
	if b.Size == 0 {
		if s.SetReceiveBufferSize(watchBuffer, true) != nil {
			err = s.SetReceiveBufferSize(watchBuffer, false)
		}
	} else {
		err = s.SetReceiveBufferSize(b.Size, b.Force)
	}
	if err != nil {
		return fmt.Errorf("size rtnetlink buffer: %w", err)
	}
	return nil
}

// SetBuffers sizes the receive buffers of rtnetlink: for the answers to what is
// asked and done, and for the notices of what happens.
func (k *Kernel) SetBuffers(answers, notices Buffer) error {
	var err error
	if answers.Size > 0 {
		err = answers.set(k.addresses.sock.Socket)
	}
	return errors.Join(err, k.watch.resize(notices))
}

// resize sizes the buffer of this subscription and of later ones.
func (w *watch) resize(b Buffer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b == w.buffer || w.closed {
		return nil
	}
	w.buffer = b
	if w.sock == nil {
		return nil
	}
	return b.set(w.sock)
}
