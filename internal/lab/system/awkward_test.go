package system

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// lasting makes the leases of a configuration permanent: what is tested with it
// does not end by itself meanwhile.
const lasting = `lease = "off"`

// A signal during the start is a reload after it.
func TestHangUpDuringTheStart(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(config())
	v.Host.WriteFile("vipd.hcl", config("preempt = false"))
	// The process answers to signals as soon as it has begun to read its files.
	v.WaitLog("starting", settle)
	v.Signal(syscall.SIGHUP)
	lab.WaitFor(t, "the reload is done", settle, func() error {
		if r := reloads(t, v); r.Count == 0 || !r.OK {
			return fmt.Errorf("reload %+v", r)
		}
		return nil
	})
	p.ownedBy(p.lb1, settle)
}

// Signals while the instance becomes master and while it hands over: the
// transition goes on, the last file is the running one.
func TestReloadDuringTransitions(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	for i := range 5 {
		p.lb1.LinkDown("eth0")
		v1.Reload(config(fmt.Sprintf("garp {\n repeat = %d\n }", i+1)))
		p.ownedBy(p.lb2, takeover)
		p.lb1.LinkUp("eth0")
		v1.Reload(config(fmt.Sprintf("garp {\n repeat = %d\n }", i+2)))
		p.ownedBy(p.lb1, takeover)
	}
	p.reload(v1, config(), true)
	p.steady(p.lb1, 3*interval)
}

// Signals during a stop change nothing about it.
func TestReloadDuringTheStop(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	began := time.Now()
	v1.Signal(syscall.SIGTERM)
	for range 20 {
		v1.Signal(syscall.SIGHUP)
	}
	if status, err := v1.Wait(bound); status != 0 || err != nil {
		t.Errorf("exit status %d, %v", status, err)
	}
	p.goodbye(p.lb1, began)
	p.ownedBy(p.lb2, takeover)
}

// A hundred signals in a second, with a file that is replaced by rename all the
// time: no advert is missed, and the last file is the running one.
func TestHundredHangUps(t *testing.T) {
	p := newPair(t)
	v, _ := p.start()
	before := p.instance(v)
	for i := range 100 {
		replaceFile(t, v.Config, config(fmt.Sprintf("garp {\n repeat = %d\n }", i%9+1)))
		v.Signal(syscall.SIGHUP)
		time.Sleep(10 * time.Millisecond)
	}
	replaceFile(t, v.Config, strings.Replace(config(), "priority        = director.priority", "priority = 199", 1))
	v.Signal(syscall.SIGHUP)
	lab.WaitFor(t, "the last file counts", settle, func() error {
		if in := p.instance(v); in.Priority != 199 {
			return fmt.Errorf("priority %d", in.Priority)
		}
		return nil
	})
	p.unmoved(v, before)
	if r := reloads(t, v); r.Failed != 0 {
		t.Errorf("%d of %d reloads failed", r.Failed, r.Count)
	}
	p.steady(p.lb1, interval)
}

// replaceFile puts another file in the place of one, as editors and package
// managers do.
func replaceFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// Files that are included vanish, the file itself is a directory, or 50 MB of
// anything: the reload is refused and says why, in no time.
func TestReloadOfUnreadableFiles(t *testing.T) {
	p := newPair(t)
	part := p.lb1.WriteFile("part.hcl", "track_file \"load\" { path = \"/tmp/load\" }\n")
	whole := strings.Replace(config(), "version = 1", "version = 1\ninclude = [\"part.hcl\"]", 1)
	v := p.lb1.Vipd(whole)
	p.ownedBy(p.lb1, settle)
	before := p.instance(v)
	for name, c := range map[string]struct {
		spoil, mend func() error
		says        string
	}{
		"an included file vanishes": {
			func() error { return os.Rename(part, part+".away") }, func() error { return os.Rename(part+".away", part) }, "part.hcl",
		},
		"a directory": {
			func() error { os.Remove(v.Config); return os.Mkdir(v.Config, 0o755) }, func() error { return os.Remove(v.Config) }, "directory",
		},
		"50 MB": {
			func() error { return os.WriteFile(v.Config, bytes.Repeat([]byte("# 50 MB\n"), 50<<20/8), 0o644) }, func() error { return nil }, "larger than",
		},
		"a broken link": {
			func() error { os.Remove(v.Config); return os.Symlink(filepath.Join(v.Runtime, "nowhere"), v.Config) }, func() error { return os.Remove(v.Config) }, "no such file",
		},
	} {
		failed := reloads(t, v).Failed
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		v.Signal(syscall.SIGHUP)
		lab.WaitFor(t, name+" is refused", settle, func() error {
			if r := reloads(t, v); r.Failed != failed+1 || !strings.Contains(r.Error, c.says) {
				return fmt.Errorf("reload %+v", r)
			}
			return nil
		})
		if err := c.mend(); err != nil {
			t.Fatal(err)
		}
		p.reload(v, whole, true)
	}
	p.unmoved(v, before)
}

// The configuration moves an instance to an interface that is not there: fault,
// said so, and master as soon as it comes.
func TestReloadOntoAMissingInterface(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	p.reload(v1, strings.ReplaceAll(config(), `"eth0"`, `"eth1"`), true)
	if in := p.state(v1, vrrp.StateFault); in.LastReason != vrrp.ReasonNoInterface {
		t.Errorf("fault because of %v", in.LastReason)
	}
	p.ownedBy(p.lb2, takeover)
	p.lb1.Attach("lan", "192.0.2.21/24")
	p.ownedBy(p.lb1, settle)
	p.reload(v1, config(), true)
	p.ownedBy(p.lb1, settle)
}
