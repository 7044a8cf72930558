package track

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
)

// Of linux/connector.h and linux/cn_proc.h: the connector of process events,
// and the operation that subscribes to them.
const (
	cnIdxProc         = 1
	cnValProc         = 1
	procCnMcastListen = 1
)

// processChanges signals when a process begins, becomes another program or
// ends. Nothing ever comes where the kernel does not tell: outside of the
// initial namespaces, or without CAP_NET_ADMIN.
func processChanges(ctx context.Context, size conf.Buffer) <-chan struct{} {
	changes := make(chan struct{}, 1)
	conn, err := netlink.Dial(unix.NETLINK_CONNECTOR, &netlink.Config{Groups: cnIdxProc})
	if err != nil {
		return changes
	}
	resize(conn, size)
	if _, err := conn.Send(subscription()); err != nil {
		conn.Close()
		return changes
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		defer stop()
		defer conn.Close()
		for {
			// An overrun is a change too; any other error is the end.
			if _, err := conn.Receive(); err != nil && (ctx.Err() != nil || !isOverrun(err)) {
				return
			}
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return changes
}

// resize gives a socket its receive buffer. With the usual one a crowd of
// processes is looked at as one change, too.
func resize(conn *netlink.Conn, size conf.Buffer) {
	raw, err := conn.SyscallConn()
	if size.Size == 0 || err != nil {
		return
	}
	option := unix.SO_RCVBUF
	if size.Force {
		option = unix.SO_RCVBUFFORCE
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, size.Size) })
}

// subscription is a struct cn_msg with one operation.
func subscription() netlink.Message {
	b := make([]byte, 24)
	binary.NativeEndian.PutUint32(b[0:], cnIdxProc)
	binary.NativeEndian.PutUint32(b[4:], cnValProc)
	binary.NativeEndian.PutUint16(b[16:], 4) // length of the operation
	binary.NativeEndian.PutUint32(b[20:], procCnMcastListen)
	return netlink.Message{Header: netlink.Header{Type: netlink.Done}, Data: b}
}

// isOverrun reports whether the kernel had more to tell than fitted.
func isOverrun(err error) bool { return errors.Is(err, unix.ENOBUFS) }
