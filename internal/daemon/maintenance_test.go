package daemon

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watched is a maintenance directory with what was said about it.
type watched struct {
	*maintenance
	t       *testing.T
	dir     string
	said    []string
	changes int
}

func watch(t *testing.T) *watched {
	w := &watched{t: t, dir: t.TempDir()}
	w.maintenance = newMaintenance(
		func(level, _, message string, _ map[string]any) { w.said = append(w.said, level+": "+message) },
		func() { w.changes++ },
	)
	w.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "web1.example.com" {
			return []netip.Addr{netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("2001:db8::7")}, nil
		}
		return nil, errors.New("no such host")
	}
	w.watch(w.dir)
	return w
}

func (w *watched) touch(name string) {
	if err := os.WriteFile(filepath.Join(w.dir, name), nil, 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.poll(w.t.Context())
}

func TestMaintenanceFiles(t *testing.T) {
	tests := []struct {
		file      string
		covers    []string
		coversNot []string
	}{
		{"10.0.0.1", []string{"10.0.0.1:80", "10.0.0.1:443"}, []string{"10.0.0.2:80"}},
		{"10.0.0.1:80", []string{"10.0.0.1:80"}, []string{"10.0.0.1:443"}},
		{"2001:db8::1", []string{"[2001:db8::1]:80"}, []string{"[2001:db8::2]:80"}},
		{"[2001:db8::1]:80", []string{"[2001:db8::1]:80"}, []string{"[2001:db8::1]:81"}},
		{"web1.example.com", []string{"10.0.0.7:80", "[2001:db8::7]:1"}, []string{"10.0.0.1:80"}},
		{"web1.example.com:80", []string{"10.0.0.7:80"}, []string{"10.0.0.7:81"}},
		{"nobody.example.com", nil, []string{"10.0.0.1:80"}},
		{"10.0.0.1:http", nil, []string{"10.0.0.1:80"}},
		{".10.0.0.1.swp", nil, []string{"10.0.0.1:80"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			w := watch(t)
			w.touch(tt.file)
			for _, a := range tt.covers {
				if !w.covers(netip.MustParseAddrPort(a)) {
					t.Errorf("%s is in service", a)
				}
			}
			for _, a := range tt.coversNot {
				if w.covers(netip.MustParseAddrPort(a)) {
					t.Errorf("%s is out of service", a)
				}
			}
		})
	}
}

func TestMaintenanceComesAndGoes(t *testing.T) {
	w := watch(t)
	real := netip.MustParseAddrPort("10.0.0.1:80")
	w.touch("10.0.0.1")
	w.poll(t.Context())
	if err := os.Remove(filepath.Join(w.dir, "10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	w.poll(t.Context())
	want := []string{"warn: 10.0.0.1 is taken out of service by a file", "info: 10.0.0.1 is back in service"}
	if diff := cmp.Diff(want, w.said); diff != "" || w.covers(real) || w.changes != 2 {
		t.Errorf("covers %v after %d changes; said (-want +got):\n%s", w.covers(real), w.changes, diff)
	}
}

// TestMaintenanceWithoutANameServer: what is out by its name stays out when names
// cannot be resolved any more, and what could not be resolved is tried again.
func TestMaintenanceWithoutANameServer(t *testing.T) {
	w := watch(t)
	serving := w.lookup
	broken := func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no name server") }
	w.touch("web1.example.com")
	w.lookup = broken
	w.touch("10.0.0.9")
	first, second := netip.MustParseAddrPort("10.0.0.7:80"), netip.MustParseAddrPort("10.0.0.9:80")
	if !w.covers(first) || !w.covers(second) {
		t.Errorf("out of service: %v and %v", w.covers(first), w.covers(second))
	}
	if err := os.Remove(filepath.Join(w.dir, "web1.example.com")); err != nil {
		t.Fatal(err)
	}
	w.poll(t.Context())
	w.touch("web1.example.com:80")
	w.poll(t.Context())
	if w.covers(first) {
		t.Error("a name that was never resolved takes something out of service")
	}
	w.lookup = serving
	w.again = time.Now()
	w.poll(t.Context())
	if !w.covers(first) || !w.again.IsZero() {
		t.Errorf("the name was not tried again: %v, next at %v", w.covers(first), w.again)
	}
	refused := slices.DeleteFunc(slices.Clone(w.said), func(s string) bool { return !strings.Contains(s, "names no real server") })
	if len(refused) != 1 {
		t.Errorf("said %q, want it once", refused)
	}
}

// TestMaintenanceDirectoryChangesDuringALook: what an earlier look at another
// directory finds, held up by a name server, does not count any more.
func TestMaintenanceDirectoryChangesDuringALook(t *testing.T) {
	w := watch(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	w.lookup = func(context.Context, string) ([]netip.Addr, error) {
		close(asked)
		<-answer
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	if err := os.WriteFile(filepath.Join(w.dir, "slow.example.com"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var looks sync.WaitGroup
	looks.Go(func() { w.poll(t.Context()) })
	<-asked
	moved := make(chan struct{})
	looks.Go(func() {
		w.watch("")
		close(moved)
	})
	select { // it either waits or is overtaken
	case <-moved:
	case <-time.After(50 * time.Millisecond):
	}
	close(answer)
	looks.Wait()
	if w.covers(netip.MustParseAddrPort("10.0.0.1:80")) {
		t.Error("a file in the directory before takes a real server out of service")
	}
}

// TestMaintenanceDirectoryGone: what is out stays out when the directory
// cannot be read any more, and comes back when there shall be none.
func TestMaintenanceDirectoryGone(t *testing.T) {
	w := watch(t)
	real := netip.MustParseAddrPort("10.0.0.1:80")
	w.touch("10.0.0.1")
	if err := os.RemoveAll(w.dir); err != nil {
		t.Fatal(err)
	}
	w.poll(t.Context())
	w.poll(t.Context())
	if !w.covers(real) || len(w.said) != 2 || !strings.HasPrefix(w.said[1], "warn: read maintenance directory") {
		t.Errorf("covers %v, said %q", w.covers(real), w.said)
	}
	w.watch("")
	if w.covers(real) {
		t.Error("still out of service without a directory")
	}
}
