package probe

import (
	"os"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

func TestEveryKindHasAProbe(t *testing.T) {
	for _, kind := range healthcheck.Kinds() {
		if kinds[kind] == nil {
			t.Errorf("no probe for kind %s", kind)
		}
	}
	if len(kinds) != len(healthcheck.Kinds()) {
		t.Errorf("%d probes for %d kinds", len(kinds), len(healthcheck.Kinds()))
	}
}

func TestRunUsesTheSystemsRoots(t *testing.T) {
	r := Run(t.Context(), keyOf(healthcheck.KindTCP, listen(t, hang), nil))
	if r.Class != healthcheck.ClassOK {
		t.Errorf("result %s %q", r.Class, r.Reason)
	}
	target := securePage(t, newAuthority(t).issue(time.Now().Add(time.Hour), nil, "a"), hello)
	if r := Run(t.Context(), keyOf(healthcheck.KindHTTPS, target, verifying("a"))); r.Class != healthcheck.ClassTLS {
		t.Errorf("result %s %q", r.Class, r.Reason)
	}
}

func TestBadSettingsAreOurTrouble(t *testing.T) {
	target := closedPort(t)
	tests := []struct {
		name   string
		key    healthcheck.Key
		reason string
	}{
		{"kind", keyOf("telepathy", target, nil), `prepare telepathy check: unknown kind of check "telepathy"`},
		{"expect", keyOf(healthcheck.KindHTTP, target, expecting("(")),
			"prepare http check: expect is not a regular expression: missing closing ): `(`"},
		{"line end", keyOf(healthcheck.KindHTTP, target, asking(func(s *healthcheck.HTTP) { s.VirtualHost = "a\r\nX: y" })),
			`prepare http check: virtual host "a\r\nX: y" is not a host name`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, New(Options{}), tt.key, healthcheck.ClassInternal, tt.reason)
		})
	}
}

func TestSettingsArePreparedOnce(t *testing.T) {
	p := New(Options{})
	prepare := func(n int) {
		s := healthcheck.Defaults(healthcheck.KindHTTP)
		s.Timeout += time.Duration(n)
		if _, err := p.prepare(s); err != nil {
			t.Fatal(err)
		}
	}
	prepare(0)
	prepare(0)
	if len(p.checks) != 1 {
		t.Errorf("%d prepared checks, want 1", len(p.checks))
	}
	for n := range maxPrepared + 10 {
		prepare(n)
	}
	if len(p.checks) > maxPrepared {
		t.Errorf("%d prepared checks, bound %d", len(p.checks), maxPrepared)
	}
}

// TestNoDescriptorIsLeaked runs every kind of ending and counts descriptors.
func TestNoDescriptorIsLeaked(t *testing.T) {
	p := New(Options{})
	secure := securePage(t, newAuthority(t).issue(time.Now().Add(time.Hour), nil, "a"), hello)
	plain := listen(t, say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	silent := listen(t, hang)
	keys := []healthcheck.Key{
		keyOf(healthcheck.KindTCP, silent, nil),
		keyOf(healthcheck.KindTCP, closedPort(t), nil),
		keyOf(healthcheck.KindHTTP, plain, nil),
		keyOf(healthcheck.KindHTTP, silent, func(s *healthcheck.Settings) { s.Timeout = healthcheck.MinInterval }),
		keyOf(healthcheck.KindHTTPS, secure, nil),
		keyOf(healthcheck.KindHTTPS, secure, verifying("b")),
		keyOf(healthcheck.KindHTTPS, plain, func(s *healthcheck.Settings) { s.Timeout = healthcheck.MinInterval }),
		keyOf(healthcheck.KindHTTPS, silent, func(s *healthcheck.Settings) { s.Timeout = healthcheck.MinInterval }),
		keyOf(healthcheck.KindPing, silent, nil),
	}
	round := func() {
		for _, k := range keys {
			p.Run(t.Context(), k)
		}
	}
	round()
	before := descriptors(t, 0)
	for range 10 {
		round()
	}
	if got := descriptors(t, before); got > before {
		t.Errorf("descriptors grew from %d to %d", before, got)
	}
}

// descriptors counts the open files of this process, servers of the test
// included. It gives those a while to notice that clients left, until no more
// than enough are open.
func descriptors(t *testing.T, enough int) int {
	t.Helper()
	for end := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		if len(open) <= enough || time.Now().After(end) {
			return len(open)
		}
	}
}
