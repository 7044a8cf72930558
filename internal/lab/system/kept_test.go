//go:build !race

package system

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// A lone director with keep_on_stop is stopped and started: it finds its address,
// the interface with the virtual MAC that carries it, and its table; none was
// ever gone, and a connection through it survives.
func testKeptRestart(t *testing.T) {
	b := newBalancer(t)
	owners := b.net.Ownership(vip, b.lb)
	hcl := "version = 1\nglobal { keep_on_stop = true }\n" +
		strings.Replace(strings.TrimPrefix(services("", ""), directors), "director.priority", "150\n  vmac {}", 1)
	v := b.start(hcl)
	conn := b.client.Hold(service)
	before, err := conn.Ask()
	if err != nil {
		t.Fatal(err)
	}
	links := func() (all []string) {
		out, err := b.lb.Run("ip", "-o", "link")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			all = append(all, strings.Join(strings.Fields(line)[:2], " ")) // with its index: one made anew has another
		}
		return all
	}
	had, table := links(), strings.Join(tableOf(b.lb), "\n")
	v.Signal(syscall.SIGTERM)
	if status, err := v.Wait(settle); status != 0 || err != nil {
		t.Fatalf("exit status %d, %v", status, err)
	}
	if got := strings.Join(tableOf(b.lb), "\n"); got != table {
		t.Errorf("the table is\n%s\nwas\n%s", got, table)
	}
	v = b.lb.Vipd(hcl)
	p := &pair{t: t}
	lab.WaitFor(t, "it is master again", settle, func() error {
		if in := p.instance(v); in.State.String() != "master" {
			return fmt.Errorf("it is %v", in.State)
		}
		return nil
	})
	b.weights(service, map[string]int{"192.0.2.11:80": 3, "192.0.2.12:80": 5})
	if after, err := conn.Ask(); err != nil || after != before {
		t.Errorf("the connection: %q, %v; was with %q", after, err, before)
	}
	if now := links(); !slices.Equal(now, had) {
		t.Errorf("interfaces are %v, were %v", now, had)
	}
	if n := len(owners.Spans(b.lb)); n != 1 {
		t.Errorf("the VIP came %d times, want once", n)
	}
	time.Sleep(time.Second)
	if log := v.Log(); strings.Contains(log, "event=ipvs") {
		t.Errorf("the table was written:\n%s", log)
	}
}

// An upgrade keeps the verdicts with their times and writes nothing to the table;
// connections through it do not notice.
func testUpgradeOfServices(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services("", ""))
	conn := b.client.Hold(service)
	backend, err := conn.Ask()
	if err != nil {
		t.Fatal(err)
	}
	before, written := b.status(v), strings.Count(v.Log(), "event=ipvs")
	if out, err := b.lb.Run(lab.Binary(t), "upgrade", "--runtime-dir", v.Runtime); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if after, err := conn.Ask(); err != nil || after != backend {
		t.Errorf("the connection: %q, %v; was with %q", after, err, backend)
	}
	b.settled(2 * time.Second)
	if n := strings.Count(v.Log(), "event=ipvs"); n != written {
		t.Errorf("%d operations on the table:\n%s", n-written, v.Log())
	}
	for i, rs := range b.status(v).RealServers {
		if was := before.RealServers[i]; rs.Verdict != was.Verdict || !rs.Since.Equal(was.Since) {
			t.Errorf("%s is %v since %v, was %v since %v", rs.Address, rs.Verdict, rs.Since, was.Verdict, was.Since)
		}
	}
}
