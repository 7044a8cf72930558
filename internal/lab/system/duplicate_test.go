package system

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// A host that is no director has the virtual addresses: the first claim tells
// which host that is, and is made all the same. Its own predecessor, which
// serves as master, is told of to nobody.
func TestDuplicateIsFoundBeforeTheFirstClaim(t *testing.T) {
	p := newPair(t)
	const six = "2001:db8::100"
	hcl := strings.Replace(config("probe_duplicates = true"), `["`+vip+`/24"]`, fmt.Sprintf(`["%s/24", "fe80::100/64", "%s/64"]`, vip, six), 1)
	printer := p.net.Host("printer", "lan", "192.0.2.50/24")
	printer.AddAddress("eth0", vip+"/24")
	printer.AddAddress("eth0", six+"/64")
	mac := printer.HardwareAddr("eth0")

	v1 := p.lb1.Vipd(hcl)
	p.bothStates(v1, vrrp.StateMaster)
	lab.WaitFor(t, "both duplicates are told", settle, func() error {
		told := inUse(t, v1)
		if len(told) != 2 || !strings.Contains(told[vip], mac) || !strings.Contains(told[six], mac) {
			return fmt.Errorf("told %v, want two of %s", told, mac)
		}
		return nil
	})
	for _, in := range p.status(v1).Instances {
		if in.Counters.AddressesInUse != 1 {
			t.Errorf("%s counted %d", in.Family, in.Counters.AddressesInUse)
		}
	}
	lab.WaitFor(t, "the address is claimed all the same", settle, func() error {
		if !p.lb1.Holds(addr(vip)) {
			return errors.New("it is not")
		}
		return nil
	})

	printer.DeleteAddress("eth0", vip+"/24")
	printer.DeleteAddress("eth0", six+"/64")
	v2 := p.lb2.Vipd(hcl)
	lab.WaitFor(t, "lb2 hears lb1 in both families", settle, func() error {
		for _, in := range p.status(v2).Instances {
			if !in.Master.IsValid() {
				return fmt.Errorf("%s has heard nobody", in.Family)
			}
		}
		return nil
	})
	v1.Kill()
	p.bothStates(v2, vrrp.StateMaster)
	if told := inUse(t, v2); len(told) != 0 {
		t.Errorf("the backup took %v for duplicates", told)
	}
}

// bothStates waits until the virtual routers of both families are in a state.
func (p *pair) bothStates(v *lab.Vipd, want vrrp.State) {
	p.t.Helper()
	lab.WaitFor(p.t, fmt.Sprintf("both families of %s are %v", v.Host.Name, want), settle, func() error {
		all := p.status(v).Instances
		if len(all) != 2 || all[0].State != want || all[1].State != want {
			return fmt.Errorf("they are %+v", all)
		}
		return nil
	})
}

// inUse returns the reports of addresses in use by address.
func inUse(t *testing.T, v *lab.Vipd) map[string]string {
	t.Helper()
	b, err := v.Get("/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]string)
	for lines := json.NewDecoder(bytes.NewReader(b)); lines.More(); {
		var e api.Event
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Attrs["kind"] == string(vrrp.ReportAddressInUse) {
			told[fmt.Sprint(e.Attrs["peer"])] = fmt.Sprint(e.Attrs["detail"])
			if e.Level != "error" {
				t.Errorf("told as %s", e.Level)
			}
		}
	}
	return told
}
