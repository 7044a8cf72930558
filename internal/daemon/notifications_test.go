package daemon

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/vrrp"
)

// told is a notifications whose lines can be read.
type told struct {
	*notifications
	path  string
	lines *bufio.Reader
}

func newTold(t *testing.T) *told {
	t.Helper()
	o := &told{path: filepath.Join(t.TempDir(), "pipe")}
	if err := syscall.Mkfifo(o.path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(o.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	o.notifications = &notifications{
		cfg:    &conf.Config{},
		states: make(map[vrrp.RouterID]notify.State), priorities: make(map[vrrp.RouterID]uint8), told: make(map[string]notify.State),
		notifier: notify.New(func(problem string) { t.Error(problem) }),
	}
	t.Cleanup(func() {
		o.notifier.Close(time.Second)
		f.Close()
	})
	o.lines = bufio.NewReader(f)
	return o
}

// use puts a configuration in force whose lines go to the pipe.
func (o *told) use(c conf.Config) {
	c.Global.Pipes, c.Global.Scripts.Timeout = []conf.Pipe{{Path: o.path, OnReload: true}}, time.Second
	o.apply(&c)
}

// want fails unless exactly these lines come next.
func (o *told) want(t *testing.T, want ...string) {
	t.Helper()
	o.notifier.Line("END\n")
	var got []string
	for {
		line, err := o.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line == "END" {
			break
		}
		got = append(got, strings.ReplaceAll(line, `"`, ""))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// move tells of a transition of each of the routers.
func (o *told) move(to vrrp.State, why vrrp.Reason, all ...vrrp.Config) {
	for _, c := range all {
		o.change(stateChange{ID: c.ID, Name: c.Name, From: 255, To: to, Reason: why, Priority: c.Priority})
	}
}

func routerOf(name, iface string, f vrrp.Family) vrrp.Config {
	return vrrp.Config{Name: name, Priority: 150, ID: vrrp.RouterID{Interface: iface, Family: f, VRID: 51}}
}

// Every state of an instance and of a group is told: of the group when all of
// its members are there, and also when a reload removes it with them.
func TestNotificationsOfGroups(t *testing.T) {
	o := newTold(t)
	web, inside := routerOf("web", "eth0", vrrp.IPv4), routerOf("inside", "eth1", vrrp.IPv4)
	edge := conf.SyncGroup{Group: vrrp.Group{Name: "edge", Members: []vrrp.RouterID{web.ID, inside.ID}}}
	whole := conf.Config{Routers: []vrrp.Config{web, inside}, Groups: []conf.SyncGroup{edge}}
	o.use(whole)
	for _, step := range []struct {
		to   vrrp.State
		why  vrrp.Reason
		word string
	}{
		{vrrp.StateBackup, vrrp.ReasonStartup, "BACKUP"}, {vrrp.StateMaster, vrrp.ReasonMasterDown, "MASTER"},
		{vrrp.StateFault, vrrp.ReasonTracked, "FAULT"}, {vrrp.StateInitialize, vrrp.ReasonStop, "STOP"},
	} {
		o.move(step.to, step.why, web)
		o.want(t, "INSTANCE web "+step.word+" 150")
		o.move(step.to, step.why, inside)
		o.want(t, "INSTANCE inside "+step.word+" 150", "GROUP edge "+step.word+" 0")
	}
	o.move(vrrp.StateBackup, vrrp.ReasonStartup, web, inside)
	o.again()
	o.want(t, "INSTANCE web BACKUP 150", "INSTANCE inside BACKUP 150", "GROUP edge BACKUP 0",
		"INSTANCE web BACKUP 150", "INSTANCE inside BACKUP 150", "GROUP edge BACKUP 0")
	o.use(conf.Config{})
	o.move(vrrp.StateInitialize, vrrp.ReasonRemoved, web, inside)
	o.want(t, "INSTANCE web DELETED 150", "INSTANCE inside DELETED 150", "GROUP edge DELETED 0")
	o.use(conf.Config{})
	o.again()
	o.want(t)
	o.use(whole)
	o.move(vrrp.StateBackup, vrrp.ReasonStartup, web, inside)
	o.want(t, "INSTANCE web BACKUP 150", "INSTANCE inside BACKUP 150", "GROUP edge BACKUP 0")
}

// A group that a reload dissolves is told of no more, its members are.
func TestNotificationsOfADissolvedGroup(t *testing.T) {
	o := newTold(t)
	web, inside := routerOf("web", "eth0", vrrp.IPv4), routerOf("inside", "eth1", vrrp.IPv4)
	edge := conf.SyncGroup{Group: vrrp.Group{Name: "edge", Members: []vrrp.RouterID{web.ID, inside.ID}}}
	o.use(conf.Config{Routers: []vrrp.Config{web, inside}, Groups: []conf.SyncGroup{edge}})
	o.move(vrrp.StateBackup, vrrp.ReasonStartup, web, inside)
	o.want(t, "INSTANCE web BACKUP 150", "INSTANCE inside BACKUP 150", "GROUP edge BACKUP 0")
	o.use(conf.Config{Routers: []vrrp.Config{web, inside}})
	o.move(vrrp.StateMaster, vrrp.ReasonMasterDown, web, inside)
	o.want(t, "INSTANCE web MASTER 150", "INSTANCE inside MASTER 150")
}

// The two virtual routers of an instance of both families make one change.
func TestNotificationsOfBothFamilies(t *testing.T) {
	o := newTold(t)
	four, six := routerOf("web", "eth0", vrrp.IPv4), routerOf("web", "eth0", vrrp.IPv6)
	o.use(conf.Config{Routers: []vrrp.Config{four, six}})
	for _, to := range []vrrp.State{vrrp.StateBackup, vrrp.StateMaster, vrrp.StateBackup} {
		o.move(to, vrrp.ReasonStartup, four, six)
	}
	o.want(t, "INSTANCE web BACKUP 150", "INSTANCE web MASTER 150", "INSTANCE web BACKUP 150")
}
