package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/ipvs"
)

// TestHooksAreBounded: when very many things die at once, all programs run in
// the end, but few of them at a time.
func TestHooksAreBounded(t *testing.T) {
	dir := t.TempDir()
	busy, told := filepath.Join(dir, "busy"), filepath.Join(dir, "told")
	if err := os.Mkdir(busy, 0o777); err != nil {
		t.Fatal(err)
	}
	h := newHooks(func(_, message string, _ map[string]any) { t.Error(message) })
	h.configure(conf.Scripts{Timeout: time.Minute})
	const deaths = 3 * maxHooks
	script := fmt.Sprintf(`touch %[1]s/$1; echo $(ls %[1]s | wc -l) >>%[2]s; rm %[1]s/$1`, busy, told)
	for i := range deaths {
		h.start(&hookCall{key: fmt.Sprint("real server ", i), program: conf.Program{Args: []string{"/bin/sh", "-c", script, "sh", fmt.Sprint(i)}}})
	}
	h.work.Wait()
	text, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != deaths {
		t.Errorf("%d of %d programs ran", len(lines), deaths)
	}
	for _, l := range lines {
		var together int
		if _, err := fmt.Sscan(l, &together); err != nil || together > maxHooks {
			t.Errorf("%s programs ran at a time", l)
		}
	}
}

// TestKeepalived_Omega: at the stop the hooks of the quorum run, and of the real
// servers that are up: one that nothing was heard of is, but with alpha.
func TestKeepalived_Omega(t *testing.T) {
	told := filepath.Join(t.TempDir(), "told")
	say := func(word string) conf.Program {
		return conf.Program{Args: []string{"/bin/sh", "-c", "echo " + word + " >>" + told}}
	}
	up, down, quiet := netip.MustParseAddrPort("192.0.2.11:80"), netip.MustParseAddrPort("192.0.2.12:80"), netip.MustParseAddrPort("192.0.2.13:80")
	for _, tt := range []struct {
		omega, alpha bool
		want         string
	}{
		{true, false, "quiet\nquorum\nup\n"}, {true, true, "quorum\nup\n"}, {false, false, ""},
	} {
		s := conf.Service{
			Config: ipvs.Config{Name: "web", Alpha: tt.alpha, RealServers: []ipvs.RealServer{{Address: up}, {Address: down}, {Address: quiet}}},
			Omega:  tt.omega, OnQuorumDown: say("quorum"),
			Servers: map[netip.AddrPort]conf.ServerNotify{up: {Down: say("up")}, down: {Down: say("down")}, quiet: {Down: say("quiet")}},
		}
		h := newHooks(func(_, message string, _ map[string]any) { t.Error(message) })
		h.configure(conf.Scripts{Timeout: time.Minute})
		for server, kind := range map[netip.AddrPort]ipvs.ChangeKind{up: ipvs.ServerUp, down: ipvs.ServerDown, {}: ipvs.QuorumGained} {
			h.changed(&s, poolChange{Service: "web", Change: ipvs.Change{Kind: kind, Server: server}})
		}
		h.work.Wait()
		os.Remove(told) // what was said before the stop, if anything
		h.leave(&conf.Config{Services: []conf.Service{s}})
		text, err := os.ReadFile(told)
		if err != nil && tt.want != "" {
			t.Fatal(err)
		}
		words := strings.SplitAfter(string(text), "\n")
		slices.Sort(words)
		if got := strings.Join(words, ""); got != tt.want {
			t.Errorf("omega %v, alpha %v: %q, want %q", tt.omega, tt.alpha, got, tt.want)
		}
	}
}

// TestUserOfHooks: every program of a virtual server and of a real server may name
// who runs it.
func TestUserOfHooks(t *testing.T) {
	server := netip.MustParseAddrPort("10.0.0.1:80")
	s := &conf.Service{
		OnQuorumUp: conf.Program{Args: []string{"/bin/up"}, User: "nobody"}, OnQuorumDown: conf.Program{Args: []string{"/bin/down"}},
		Servers: map[netip.AddrPort]conf.ServerNotify{server: {Down: conf.Program{Args: []string{"/bin/down"}, User: "daemon:adm"}}},
	}
	for want, call := range map[string]*hookCall{
		"nobody": hookFor(s, true, 1), "usual": hookFor(s, false, 0), "daemon:adm": serverCall(s, server, false, ""),
	} {
		if c := call.programFor(conf.Scripts{User: "usual"}); c.User != want {
			t.Errorf("%s runs as %q, want %q", call.key, c.User, want)
		}
	}
}
