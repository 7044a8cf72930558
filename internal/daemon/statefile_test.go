package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// unusable are the ways in which a state file can be no good.
var unusable = map[string]string{
	"damaged":         "\x00\x00\x00\x00",
	"cut off":         `{"version": 1, "content": [{"insta`,
	"empty":           "",
	"from the future": `{"version": 2, "content": {"by_name": {}}}`,
	"of another kind": `{"version": 1, "content": "yes"}`,
	"without version": `[]`,
}

func TestStateFileIsReadAsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	want := []string{"a", "b"}
	if err := writeState(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := readState(path, &got); err != nil || !cmp.Equal(want, got) {
		t.Errorf("read %v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if err := readState(filepath.Join(t.TempDir(), "none"), &got); err != nil {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestUnusableState: no state file, whatever it holds, keeps a daemon from
// starting; what it holds is kept for people, and a new one can be written.
func TestUnusableState(t *testing.T) {
	cfg := &conf.Config{Routers: []vrrp.Config{{Name: "web"}, {Name: "mail"}}}
	open := map[string]func(dir string) (error, func() error){
		"overrides.json": func(dir string) (error, func() error) {
			s, err := openOverrides(dir)
			if err != nil && len(s.active(time.Now()).List) != 0 {
				t.Error("overrides out of nowhere")
			}
			return err, func() error { return s.set(override{Service: "web"}) }
		},
		"standby.json": func(dir string) (error, func() error) {
			o, err := openStandbyOrders(dir)
			if err == nil {
				return nil, nil
			}
			if o.presume(cfg); len(o.list(cfg)) != 2 {
				t.Errorf("%d instances are on standby", len(o.list(cfg)))
			}
			return err, func() error { return o.change(func(all []api.Standby) []api.Standby { return all[:1] }) }
		},
		"peers.json": func(dir string) (error, func() error) {
			m, err := openPeerMemory(dir)
			if err != nil && len(m.list()) != 0 {
				t.Error("peers out of nowhere")
			}
			return err, func() error {
				m.add(vrrp.RouterID{Interface: "eth0", VRID: 1})
				return m.save()
			}
		},
		"routers.json": func(dir string) (error, func() error) {
			k, err := loadKnownRouters(dir)
			if len(k.Routers) != 0 {
				t.Error("routers out of nowhere")
			}
			return err, func() error { return saveKnownRouters(dir, k) }
		},
	}
	for name, use := range open {
		for how, content := range unusable {
			t.Run(name+" "+how, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
				err, write := use(dir)
				if err == nil || !strings.Contains(err.Error(), aside) {
					t.Errorf("no warning that names the copy: %v", err)
				}
				kept, err := os.ReadFile(path + aside)
				if err != nil || string(kept) != content {
					t.Errorf("kept %q, %v", kept, err)
				}
				if err := write(); err != nil {
					t.Errorf("write anew: %v", err)
				}
				if err, _ := use(dir); err != nil {
					t.Errorf("second start: %v", err)
				}
			})
		}
	}
}

// TestStateOnAFullDisk: what cannot be written is not in force, and the file
// stays what it was.
func TestStateOnAFullDisk(t *testing.T) {
	dir := fullDisk(t)
	s, err := openOverrides(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := override{Service: "web"}
	if err := s.set(first); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	if err := s.set(override{Service: strings.Repeat("x", 1<<17)}); err == nil {
		t.Error("a full disk took it")
	}
	if list := s.active(time.Now()).List; !cmp.Equal([]override{first}, list, equateAddrs()) {
		t.Errorf("in force: %v", list)
	}
	again, err := openOverrides(dir)
	if list := again.active(time.Now()).List; err != nil || len(list) != 1 || list[0].Service != "web" {
		t.Errorf("after a restart: %v, %v", list, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestStandbyOnAFullDisk: an order that cannot be remembered is not in force, as
// a restart would forget it; those before stay.
func TestStandbyOnAFullDisk(t *testing.T) {
	dir := fullDisk(t)
	o, err := openStandbyOrders(dir)
	if err != nil {
		t.Fatal(err)
	}
	order := func(instance string) error {
		return o.change(func(all []api.Standby) []api.Standby { return append(all, api.Standby{Instance: instance}) })
	}
	if err := order("web"); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	if err := order(strings.Repeat("x", 1<<17)); err == nil {
		t.Error("a full disk took it")
	}
	again, err := openStandbyOrders(dir)
	if err != nil || !cmp.Equal(o.all(), again.all(), equateAddrs()) || len(o.all()) != 1 {
		t.Errorf("in force %v, after a restart %v, %v", o.all(), again.all(), err)
	}
}

// TestPeersOnAFullDisk: peers that cannot be remembered are reported, and known
// as long as this process lives.
func TestPeersOnAFullDisk(t *testing.T) {
	dir := fullDisk(t)
	m, err := openPeerMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	id := vrrp.RouterID{Interface: "eth0", VRID: 51}
	m.add(id)
	if err := m.save(); err == nil {
		t.Error("a full disk took it")
	}
	if !cmp.Equal([]vrrp.RouterID{id}, m.list()) {
		t.Errorf("known: %v", m.list())
	}
}

// fullDisk mounts a small disk.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves no room.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); ; {
		if _, err := f.Write(page); err != nil {
			return
		}
	}
}
