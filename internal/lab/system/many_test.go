package system

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// manyInstances has instances with that many virtual addresses each.
func manyInstances(global string, count int, address func(instance, i int) string, perInstance int) string {
	var b strings.Builder
	b.WriteString("version = 1\n" + global)
	for n := range count {
		var all []string
		for i := range perInstance {
			all = append(all, fmt.Sprintf("%q", address(n, i)))
		}
		fmt.Fprintf(&b, `vrrp_instance "i%d" {
  interface       = "eth0"
  vrid            = %d
  version         = 3
  advert_interval = "100ms"
  lease           = "heal"
  virtual_address = [%s]
}
`, n, n+1, strings.Join(all, ", "))
	}
	return b.String()
}

// masters waits until all instances of a daemon are master.
func masters(t *testing.T, v *lab.Vipd, want int) (st api.Status) {
	t.Helper()
	lab.WaitFor(t, fmt.Sprintf("%d instances are master", want), settle, func() error {
		if err := v.Status(&st); err != nil {
			return err
		}
		n := 0
		for _, in := range st.Instances {
			if in.State == vrrp.StateMaster {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	return st
}

// Taking over hundreds of addresses delays no advert, neither of their instance
// nor of another. (keepalived is silent for seconds with 80.) A machine can be
// late by itself: one take-over of three shows that it need not be.
func TestTakeOverOfManyAddressesDelaysNoAdvert(t *testing.T) {
	p := newPair(t)
	hcl := manyInstances("", 2, func(n, i int) string { return fmt.Sprintf("10.1.%d.%d/32", n, i+1) }, 200)
	var latest time.Duration
	for range 3 {
		v := p.lb1.Vipd(hcl)
		masters(t, v, 2)
		lab.WaitFor(t, "all addresses are there", settle, func() error {
			if n := len(p.lb1.Addresses()); n < 400 {
				return fmt.Errorf("%d are", n)
			}
			return nil
		})
		time.Sleep(3 * interval)
		latest = 0
		for _, in := range masters(t, v, 2).Instances {
			latest = max(latest, in.Counters.LatenessMax)
		}
		t.Logf("the latest advert left %v late", latest)
		v.Kill()
		if latest < interval/4 {
			return
		}
	}
	t.Errorf("an advert left %v late", latest)
}

// Five hundred IPv6 addresses keep their leases, and refreshing them, which
// costs the kernel the square of their number, stays a small share of a
// processor.
func TestSafety_1_8_ManyIPv6Leases(t *testing.T) {
	p := newPair(t)
	v := p.lb1.Vipd(manyInstances("", 2, func(n, i int) string { return fmt.Sprintf("2001:db8:%d::%x/64", n, i+1) }, 250))
	masters(t, v, 2)
	held := func() error {
		out, err := p.lb1.Run("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "global")
		if n := strings.Count(out, "2001:db8:"); err == nil && n != 500 {
			err = fmt.Errorf("%d of 500 addresses are there", n)
		}
		return err
	}
	lab.WaitFor(t, "all addresses are there", settle, held)
	router := p.role(v, "router")
	lease := p.status(v).Instances[0].LeaseTime
	before, began := lab.ProcessorTime(t, router), time.Now()
	time.Sleep(lease + lease/2)
	if err := held(); err != nil {
		t.Error(err)
	}
	used, during := lab.ProcessorTime(t, router)-before, time.Since(began)
	st := masters(t, v, 2)
	t.Logf("lease %v, then %v; the router role took %v in %v", lease, st.Instances[0].LeaseTime, used, during)
	if used > during/8 {
		t.Errorf("the router role took %v in %v", used, during)
	}
	for _, in := range st.Instances {
		if in.Counters.BecameMaster != 1 {
			t.Errorf("%s became master %d times", in.Name, in.Counters.BecameMaster)
		}
	}
}
