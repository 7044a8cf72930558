package system

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// reload reloads and waits for its outcome.
func (p *pair) reload(v *lab.Vipd, hcl string, ok bool) {
	p.t.Helper()
	count := p.status(v).Reload.Count
	v.Reload(hcl)
	lab.WaitFor(p.t, fmt.Sprintf("the reload ends, applied: %t", ok), settle, func() error {
		if r := p.status(v).Reload; r.Count == count || r.OK != ok {
			return fmt.Errorf("reload %+v", r)
		}
		return nil
	})
}

// A broken file changes nothing and says why.
func TestBrokenReloadChangesNothing(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	before := p.instance(v1)
	for name, broken := range map[string]string{
		"typo":    strings.Replace(config(), "advert_interval", "advert_intervall", 1),
		"syntax":  config() + "}",
		"empty":   "",
		"prefix":  strings.Replace(config(), vip+"/24", vip, 1),
		"invalid": strings.Replace(config(), "51", "512", 1),
	} {
		p.reload(v1, broken, false)
		r := p.status(v1).Reload
		if r.Error == "" || len(r.Diagnostics) == 0 {
			t.Errorf("%s: the reload says %+v", name, r)
		}
		p.steady(p.lb1, 2*interval)
		p.unmoved(v1, before)
	}
	if err := os.Remove(v1.Config); err != nil {
		t.Fatal(err)
	}
	p.reload(v1, config(), true)
	p.unmoved(v1, before)
	if p.status(v1).Reload.Failed != 5 {
		t.Errorf("failed reloads = %d, want 5", p.status(v1).Reload.Failed)
	}
}

// Priority, interval and addresses change in place, without an election.
func TestReloadChangesInPlace(t *testing.T) {
	p := newPair(t)
	v1, v2 := p.start()
	before := p.instance(v1)
	const second = "192.0.2.101"
	more := strings.ReplaceAll(config(), `["`+vip+`/24"]`, `["`+vip+`/24", "`+second+`/24"]`)
	more = strings.Replace(more, "priority = 150", "priority = 160", 1)

	p.reload(v1, more, true)
	p.reload(v2, more, true)
	lab.WaitFor(t, "lb1 has the second address", settle, func() error {
		if !p.lb1.Holds(addr(second)) {
			return fmt.Errorf("lb1 has %v", p.lb1.Addresses())
		}
		return nil
	})
	p.unmoved(v1, before)
	if in := p.instance(v1); in.Priority != 160 {
		t.Errorf("priority = %d, want 160", in.Priority)
	}
	lab.WaitFor(t, "adverts have the new priority and both addresses", settle, func() error {
		adverts := p.wire.Adverts(p.lb1, before.Since)
		if len(adverts) == 0 {
			return fmt.Errorf("no advert")
		}
		last := adverts[len(adverts)-1]
		if last.Priority != 160 || !slices.Contains(last.Addresses, addr(second)) {
			return fmt.Errorf("last advert %+v", last)
		}
		return nil
	})

	p.reload(v1, config(), true)
	lab.WaitFor(t, "lb1 gives the second address up", settle, func() error {
		if p.lb1.Holds(addr(second)) {
			return fmt.Errorf("lb1 has %v", p.lb1.Addresses())
		}
		return nil
	})
	p.unmoved(v1, before)
	p.steady(p.lb1, 5*interval)
}

// With --wait=false the command ends while a role has not even begun; the status
// says so, and later how it went.
func TestReloadWithoutWaiting(t *testing.T) {
	p := newPair(t)
	v, _ := p.start()
	checker, before := p.role(v, "checker"), p.status(v).Reload.Count
	v.Host.WriteFile("vipd.hcl", config("garp {\n repeat = 3\n }"))
	if err := syscall.Kill(checker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	out, err := vipctl(t, v, "reload", "--wait=false")
	during := p.status(v).Reload
	if err := syscall.Kill(checker, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err != nil || !strings.Contains(out, "stays master") || !strings.Contains(out, "reload accepted as number "+fmt.Sprint(before+1)) {
		t.Errorf("the command: %v\n%s", err, out)
	}
	if !during.Pending || during.Count != before {
		t.Errorf("meanwhile the status says %+v", during)
	}
	lab.WaitFor(t, "the status has the outcome", settle, func() error {
		if r := p.status(v).Reload; r.Count != before+1 || !r.OK || r.Pending {
			return fmt.Errorf("reload %+v", r)
		}
		return nil
	})
	v.Host.WriteFile("vipd.hcl", "nonsense")
	if out, err := vipctl(t, v, "reload", "--wait=false"); err == nil || !strings.Contains(out, "reload failed") {
		t.Errorf("a bad file: %v\n%s", err, out)
	}
}

// An instance that leaves the file says good-bye and takes its VIP along; one
// that joins starts as backup.
func TestReloadAddsAndRemovesInstances(t *testing.T) {
	p := newPair(t)
	v1, _ := p.start()
	before := p.instance(v1)
	extra := `vrrp_instance "more" {
  interface       = "eth0"
  vrid            = 52
  version         = 3
  advert_interval = "100ms"
  virtual_address = ["192.0.2.102/24"]
}
`
	p.reload(v1, config()+extra, true)
	lab.WaitFor(t, "lb1 is master of the new instance", settle, func() error {
		st := p.status(v1)
		if len(st.Instances) != 2 || st.Instances[1].State != vrrp.StateMaster || !p.lb1.Holds(addr("192.0.2.102")) {
			return fmt.Errorf("%d instances, addresses %v", len(st.Instances), p.lb1.Addresses())
		}
		return nil
	})
	p.reload(v1, config(), true)
	lab.WaitFor(t, "lb1 gives its address up", settle, func() error {
		if p.lb1.Holds(addr("192.0.2.102")) {
			return fmt.Errorf("addresses %v", p.lb1.Addresses())
		}
		return nil
	})
	goodbyes := func(vrid uint8) (n int) {
		for _, a := range p.wire.Adverts(p.lb1, before.Since) {
			if a.VRID == vrid && a.Priority == 0 {
				n++
			}
		}
		return n
	}
	lab.WaitFor(t, "the removed instance says good-bye", slack, func() error {
		if goodbyes(52) == 0 {
			return fmt.Errorf("no advert with priority 0")
		}
		return nil
	})
	if goodbyes(51) > 0 {
		t.Error("the other instance said good-bye")
	}
	p.unmoved(v1, before)
}

// reloads is what a daemon says of its last reload, as soon as it answers.
func reloads(t *testing.T, v *lab.Vipd) api.Reload {
	t.Helper()
	var st api.Status
	lab.WaitFor(t, "vipd of "+v.Host.Name+" tells its status", settle, func() error { return v.Status(&st) })
	return st.Reload
}
