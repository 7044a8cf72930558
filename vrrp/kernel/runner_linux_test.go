package kernel

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
	"golang.org/x/sys/unix"
)

// quiet is an Observer for what no test here looks at.
type quiet struct{}

func (quiet) Transition(vrrp.Transition)  {}
func (quiet) Drop(vrrp.Drop)              {}
func (quiet) Report(vrrp.Report)          {}
func (quiet) Address(runner.AddressEvent) {}

// Engine, loop and kernel together: a master on the wire, from the first
// advert to the last, in the order of the contract.
func TestRunnerOnTheKernel(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "peer", "192.0.2.1/24")
	heard := ear(t, "peer", unix.ETH_P_ALL)
	dir := t.TempDir()
	record := openRecord(t, dir)
	record.Begin()
	var run *runner.Runner
	k, err := Open(Options{
		RuntimeDir: dir, Feed: func(ev vrrp.Event) { run.Do(ev) }, Observe: quiet{}.Address,
	})
	must(t, err)
	defer k.Close()
	run = runner.New(runner.Options{
		Wire: k.Wire(), Links: k.Links(), Announcer: k.Announcer(), Observer: quiet{},
		Now: Now, Record: record, Watch: k.Watch, Claim: k.Claim,
	})
	router := vrrp.Config{
		Name: "web", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 51}, Version: 3, Priority: 100,
		AdvertInterval: 100 * time.Millisecond, Addresses: []netip.Prefix{vip(100)}, Preempt: true,
		Lease: vrrp.LeaseHeal, Announce: vrrp.Announce{Repeat: 5},
	}
	run.Do(&vrrp.Configure{Routers: []vrrp.Config{router}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()

	arp := isARPFor(vip(100).Addr())
	b := frame(t, heard, func(b []byte) bool { return isVRRP(b) || arp(b) })
	if !isVRRP(b) || b[36] != 100 {
		t.Errorf("first frame is % x, want an advert of priority 100", b)
	}
	frame(t, heard, arp)
	if a, there := onInterface(t, "eth0", vip(100)); !there || a.remaining > 5 {
		t.Errorf("after the announcement the address is %+v (there: %v), want a lease of 5 s", a, there)
	}
	st, err := run.Status(t.Context())
	if err != nil || len(st.Routers) != 1 || st.Routers[0].State != vrrp.StateMaster ||
		len(st.Addresses) != 1 || st.Addresses[0].State != runner.AddressHeld {
		t.Errorf("status %+v, %v, want a master that holds its address", st, err)
	}
	await(t, "the record to prove mastership", func() bool {
		return record.Resume([]vrrp.Config{router}, Now())[router.ID]
	})
	started := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(started); took > time.Second {
		t.Errorf("leaving took %v", took)
	}
	frame(t, heard, func(b []byte) bool { return isVRRP(b) && b[36] == 0 })
	if _, there := onInterface(t, "eth0", vip(100)); there {
		t.Error("address is still there")
	}
	if resume := record.Resume([]vrrp.Config{router}, Now()); resume[router.ID] {
		t.Error("the record still says master")
	}
}
