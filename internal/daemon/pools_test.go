package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/vrrp"
)

func webService(change ...func(*conf.Service)) conf.Service {
	s := conf.Service{Config: ipvs.Config{
		Name: "web", Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.9:80")},
		RealServers: []ipvs.RealServer{{Address: realOne, Weight: 1}},
	}}
	for _, f := range change {
		f(&s)
	}
	return s
}

func TestSuspended(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.9")
	also := netip.MustParseAddr("192.0.2.10")
	suspend := func(s *conf.Service) { s.HASuspend = true }
	group := func(s *conf.Service) {
		s.Also = []ipvs.ServiceKey{{Protocol: ipvs.TCP, Address: netip.AddrPortFrom(also, 80)}}
	}
	for name, tt := range map[string]struct {
		service conf.Service
		away    []netip.Addr
		want    bool
	}{
		"not asked for":        {webService(), []netip.Addr{vip}, false},
		"address is here":      {webService(suspend), nil, false},
		"address is elsewhere": {webService(suspend), []netip.Addr{vip}, true},
		"one of two is here":   {webService(suspend, group), []netip.Addr{vip}, false},
		"both are elsewhere":   {webService(suspend, group), []netip.Addr{vip, also}, true},
	} {
		var p pools
		p.configure([]conf.Service{tt.service}, false)
		if changed := p.setAway(tt.away); changed != tt.want {
			t.Errorf("%s: setAway says that it changes something: %t", name, changed)
		}
		if got := p.suspended(tt.service); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
		if p.setAway(tt.away) {
			t.Errorf("%s: the same again changes something", name)
		}
	}
}

// An address is away when an instance here could hold it and does not; one
// that another instance holds is here all the same.
func TestInstanceStates(t *testing.T) {
	id := func(name string) vrrp.RouterID { return vrrp.RouterID{Interface: name} }
	router := func(name, addr string) vrrp.Config {
		return vrrp.Config{Name: name, ID: id(name), Addresses: []netip.Prefix{netip.MustParsePrefix(addr)}}
	}
	more := router("b", "192.0.2.2/24")
	more.Excluded = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")}
	s := &supervisor{
		cfg:     &conf.Config{Routers: []vrrp.Config{router("a", "192.0.2.1/24"), more, router("b6", "192.0.2.1/32")}},
		masters: map[vrrp.RouterID]bool{id("a"): true, id("gone"): true}, electionSeq: 4,
	}
	want := instanceStates{Seq: 4, Masters: []string{"a"}, Away: []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.9")}}
	if diff := cmp.Diff(want, s.instanceStates(), equateAddrs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestServiceByName: what a name stands for changes with the configuration.
func TestServiceByName(t *testing.T) {
	s := &supervisor{cfg: &conf.Config{Services: []conf.Service{webService(func(s *conf.Service) { s.HASuspend = true })}}}
	if got := s.service("web"); got == nil || !got.HASuspend {
		t.Errorf("web is %+v", got)
	}
	if got := s.service("mail"); got != nil {
		t.Errorf("mail is %+v", got)
	}
	s.cfg = &conf.Config{Services: []conf.Service{webService(func(s *conf.Service) { s.Name = "mail" })}}
	if s.service("mail") == nil || s.service("web") != nil {
		t.Error("the configuration before is still in force")
	}
}

// TestElectionsAreToldTogether: of many changes that come at once the checker role
// hears the last state, and of every one that comes later.
func TestElectionsAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var role fakeRole
		var told []instanceStates
		role.onInstances = func(st instanceStates) { time.Sleep(time.Millisecond); told = append(told, st) }
		c, _, end := startChild(&role)
		defer end()
		const routers = 100
		s := &supervisor{
			cfg: &conf.Config{}, masters: map[vrrp.RouterID]bool{}, changedMasters: make(chan struct{}, 1), checker: c,
			events: newEventLog(newLogger(io.Discard, "info", "text")),
		}
		for i := range routers {
			s.cfg.Routers = append(s.cfg.Routers, vrrp.Config{Name: fmt.Sprint(i), ID: vrrp.RouterID{Interface: "eth0", VRID: uint8(i)}})
		}
		go s.keepMasters(t.Context())
		synctest.Wait()
		for _, r := range s.cfg.Routers {
			s.setInstance(instanceState{ID: r.ID, Master: true})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(told); n < 1 || n > 2 || len(told[n-1].Masters) != routers || told[n-1].Seq != routers {
			t.Fatalf("told %d times: %+v", n, told)
		}
		s.setInstance(instanceState{ID: s.cfg.Routers[0].ID})
		time.Sleep(time.Second)
		synctest.Wait()
		if last := told[len(told)-1]; len(last.Masters) != routers-1 {
			t.Errorf("told last: %+v", last)
		}
	})
}

func TestResolverKeepsItsAnswer(t *testing.T) {
	answer, failure := []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")}, error(nil)
	asked := 0
	r := newResolver()
	r.ask = func(context.Context, string) ([]netip.Addr, error) { asked++; return answer, failure }
	hosts := []string{"one"}
	got, err := r.lookUp("one")
	if err != nil || len(got) != 2 || got[0] != netip.MustParseAddr("192.0.2.1") {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := r.lookUp("one"); err != nil || asked != 1 {
		t.Errorf("asked %d times within one load, %v", asked, err)
	}
	if r.changed(hosts) {
		t.Error("the same answer is news")
	}
	answer, failure = nil, errors.New("DNS is down")
	if r.changed(hosts) {
		t.Error("no answer is news")
	}
	if got, err := r.lookUp("one"); err != nil || len(got) != 2 {
		t.Errorf("the previous answer is lost: %v, %v", got, err)
	}
	if _, err := r.lookUp("two"); err == nil {
		t.Error("a name that never had an address has one")
	}
	answer, failure = []netip.Addr{netip.MustParseAddr("192.0.2.3")}, nil
	if !r.changed(hosts) {
		t.Error("a new answer is no news")
	}
}

// Without name servers each name costs its time only until it is clear that
// there are none.
func TestResolverDoesNotWaitForEveryName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolver()
		asked := 0
		r.ask = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			asked++
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		for i := range 1000 {
			if _, err := r.lookUp(fmt.Sprintf("web%d", i)); err == nil {
				t.Fatal("found an address")
			}
		}
		if took := time.Since(began); took > silenceBound+lookUpBound || asked < 2 {
			t.Errorf("a thousand names took %v, %d were asked for", took, asked)
		}
		r.refresh()
		if before := asked; r.changed([]string{"web1"}) || asked == before {
			t.Error("nothing is asked for in the next load")
		}
	})
}

// What is replayed is what was loaded, not what an editor has done since.
func TestRecordingReplays(t *testing.T) {
	dir := t.TempDir()
	main, part := filepath.Join(dir, "main.hcl"), filepath.Join(dir, "part.hcl")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(main, "version = 1\ninclude = [\"p*.hcl\"]\n")
	write(part, "global { keep_table_on_stop = true }\n")
	files, names := newRecording(), newResolver()
	before, diags := loadConfig(Options{Files: []string{main}}, files, names)
	if before == nil {
		t.Fatal(diags)
	}
	write(part, "broken {")
	write(filepath.Join(dir, "pp.hcl"), "more")
	again, diags := loadConfig(Options{Files: []string{main}}, files.replay(), names)
	if again == nil || !again.Global.KeepTable || len(again.Files) != 2 {
		t.Errorf("replay: %+v, %v", again, diags)
	}
	if fresh, _ := loadConfig(Options{Files: []string{main}}, newRecording(), names); fresh != nil {
		t.Error("a broken file was loaded")
	}
}

// Hooks of one service run one after the other; of news that wait only the
// last is told; omega tells the end.
func TestHooks(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	command := conf.Program{Args: []string{"/bin/sh", "-c", `echo "$VIPD_SERVICE $VIPD_STATE $VIPD_WEIGHT" >>` + out}}
	cfg := &conf.Config{Services: []conf.Service{webService(func(s *conf.Service) {
		s.OnQuorumUp, s.OnQuorumDown, s.Omega = command, command, true
	})}}
	h := newHooks(func(_, message string, _ map[string]any) { t.Error(message) })
	h.configure(conf.Scripts{Timeout: time.Minute})
	change := func(k ipvs.ChangeKind, weight int) {
		h.changed(&cfg.Services[0], poolChange{Service: "web", Change: ipvs.Change{Kind: k, Weight: weight}})
	}
	change(ipvs.QuorumGained, 3)
	h.work.Wait()
	change(ipvs.ServerDown, 3)
	change(ipvs.QuorumLost, 0)
	h.work.Wait()
	change(ipvs.QuorumGained, 4)
	h.work.Wait()
	h.leave(cfg)
	change(ipvs.QuorumGained, 5) // of a pool that is being torn down
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("web up 3\nweb down 0\nweb up 4\nweb down 0\n", string(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHookThatFails(t *testing.T) {
	var said []string
	h := newHooks(func(_, message string, _ map[string]any) { said = append(said, message) })
	h.configure(conf.Scripts{Timeout: time.Minute})
	cfg := &conf.Config{Services: []conf.Service{webService(func(s *conf.Service) {
		s.OnQuorumUp.Args = []string{"/bin/sh", "-c", "echo no such thing; exit 3"}
	})}}
	h.changed(&cfg.Services[0], poolChange{Service: "web", Change: ipvs.Change{Kind: ipvs.QuorumGained}})
	h.work.Wait()
	if len(said) != 1 || !strings.Contains(said[0], "exit status 3 no such thing") {
		t.Errorf("said %q", said)
	}
}

func TestSysctls(t *testing.T) {
	yes, no := true, false
	got := sysctls(conf.IPVS{IPForward: &yes, SendRedirects: &no, Conntrack: &yes, ExpireTemplates: &yes})
	for name, want := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.lo.send_redirects": "0",
		"net.ipv4.vs.conntrack": "1", "net.ipv4.vs.expire_quiescent_template": "1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, set := got["net.ipv4.vs.expire_nodest_conn"]; set || len(sysctls(conf.IPVS{})) > 0 {
		t.Error("what nobody asked for is set")
	}
}
