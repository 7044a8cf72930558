package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/healthcheck/probe"
)

// TestLdirectord_External: a program of ldirectord's gets what it gets there,
// address and port of the virtual server, then those of the real server, and its
// exit status counts as it does there.
func TestLdirectord_External(t *testing.T) {
	dir := t.TempDir()
	program, cf := filepath.Join(dir, "check"), filepath.Join(dir, "ldirectord.cf")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$# $*\"\ntest \"$4\" = 8080\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`virtual = 192.0.2.12:80
    real = 10.0.0.1:8080 masq
    real = 10.0.0.2:8081 masq
    checktype = external
    checkcommand = %s
`, program)
	if err := os.WriteFile(cf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := load([]string{cf}, "", conf.Options{Read: os.ReadFile})
	if c == nil {
		t.Fatalf("%+v", diags)
	}
	for target, want := range map[string]healthcheck.Result{
		"10.0.0.1:8080": {Class: healthcheck.ClassOK, Reason: "exit status 0: 4 192.0.2.12 80 10.0.0.1 8080"},
		"10.0.0.2:8081": {Class: healthcheck.ClassStatus, Reason: "exit status 1: 4 192.0.2.12 80 10.0.0.2 8081"},
	} {
		a := netip.MustParseAddrPort(target)
		checks := c.Services[0].Checks[a]
		if len(checks) != 1 {
			t.Fatalf("%d checks of %s", len(checks), a)
		}
		r := probe.Run(t.Context(), healthcheck.KeyFor(checks[0], a))
		if r.Class != want.Class || r.Reason != want.Reason {
			t.Errorf("%s: %s %q, want %s %q", a, r.Class, r.Reason, want.Class, want.Reason)
		}
	}
}
