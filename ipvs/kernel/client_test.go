package kernel

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	lib "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/internal/lab"
)

func TestOpen(t *testing.T) {
	c, err := Open()
	if lab.HasIPVS() {
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		return
	}
	if !errors.Is(err, ErrNoIPVS) {
		t.Errorf("a kernel without ip_vs: %v", err)
	}
}

// A kernel that does not answer must not stop us, and its late answer must
// not be taken for the answer to something else.
func TestClientDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, fresh := newConn(), newConn()
		stuck.hang["services"] = true
		c := newClient(dialer(stuck, fresh), 2*time.Second)
		begin := time.Now()
		_, err := c.Table()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		synctest.Wait() // the pending call has ended
		if !stuck.isClosed() {
			t.Error("the stuck connection is still open")
		}
		if _, err := c.Table(); err != nil || len(fresh.calls) != 1 {
			t.Errorf("afterwards: %v, calls %q", err, fresh.calls)
		}
	})
}

func TestClientKeepsConnectionAfterRefusal(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		keep bool
	}{
		"error number":   {errno(unix.EINVAL), true},
		"empty":          {os.ErrNotExist, true},
		"garbled answer": {errors.New("netlink: mismatched sequence in netlink reply"), false},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newConn(), newConn()
			first.fail["services"] = tt.err
			c := newClient(dialer(first, second), time.Minute)
			c.Table()
			c.Table()
			if got := len(second.calls) == 0; got != tt.keep || first.isClosed() == tt.keep {
				t.Errorf("kept %t, closed %t, want kept %t", got, first.isClosed(), tt.keep)
			}
		})
	}
}

// Without its module the kernel answers ENOENT to everything, which must not
// pass for an empty table.
func TestClientModuleUnloaded(t *testing.T) {
	before, after := newConn(), newConn()
	before.fail["services"] = errno(unix.ENOENT)
	c := newClient(dialer(before, after), time.Minute)
	if _, err := c.Table(); !errors.Is(err, ErrNoIPVS) {
		t.Errorf("unloaded: %v", err)
	}
	if got, err := c.Table(); err != nil || len(got) != 0 {
		t.Errorf("loaded again: %v, %v", got, err)
	}
}

func TestClientConnectErrors(t *testing.T) {
	c := newClient(dialer(), time.Minute)
	if _, err := c.Table(); !errors.Is(err, ErrNoIPVS) {
		t.Errorf("no family: %v", err)
	}
	c = newClient(func() (lib.Client, error) { return nil, errno(unix.EPERM) }, time.Minute)
	if _, err := c.Table(); !errors.Is(err, unix.EPERM) {
		t.Errorf("not allowed: %v", err)
	}
}

func TestClientClose(t *testing.T) {
	conn := newConn()
	c := newClient(dialer(conn), time.Minute)
	if _, err := c.Table(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil || !conn.isClosed() {
		t.Errorf("close: %v, closed %t", err, conn.isClosed())
	}
	if _, err := c.Table(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
