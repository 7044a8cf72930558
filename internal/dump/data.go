package dump

import (
	"cmp"
	"fmt"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// Data returns what keepalived writes to keepalived.data on SIGUSR1: global
// settings, instances, groups.
func Data(s State) []byte {
	p := &page{}
	s.globals(p)
	p.section("VRRP Topology")
	for _, in := range s.instances() {
		in.data(p)
	}
	if len(s.Config.Groups) > 0 {
		p.section("VRRP Sync groups")
	}
	for _, g := range s.Config.Groups {
		s.group(p, g)
	}
	return []byte(p.String())
}

// data writes one instance. The names are what programs look for.
func (in *instance) data(p *page) {
	state := words[in.State].name
	p.line(" VRRP Instance = %s", in.Config.Name)
	p.line("   VRRP Version = %d", in.Config.Version)
	if in.group != "" {
		p.line("   Sync group = %s", in.group)
	}
	p.line("   State = %s", state)
	p.line("   Wantstate = %s", state)
	p.line("   Last transition = %s", stamp(in.Since))
	p.line("   Interface = %s", in.Carrier())
	if in.VMAC.Name != "" {
		p.line("   VMAC Interface = %s, vmac on %s", in.VMAC.Name, in.ID.Interface)
	}
	if src := in.Delivery.Source; src.IsValid() {
		p.line("   Using src_ip = %s", src)
	}
	if in.State == vrrp.StateBackup && in.Master.IsValid() {
		p.line("   Master router = %s", in.Master)
		p.line("   Master priority = %d", in.MasterPriority)
	}
	a := in.Announce
	p.line("   Gratuitous ARP delay = %d", seconds(a.Delay))
	p.line("   Gratuitous ARP repeat = %d", a.Repeat)
	p.line("   Gratuitous ARP refresh = %d", seconds(a.Refresh))
	p.line("   Gratuitous ARP refresh repeat = %d", max(a.RefreshRepeat, 1))
	lowerDelay, lowerRepeat := lower(a)
	p.line("   Gratuitous ARP lower priority delay = %d", seconds(lowerDelay))
	p.line("   Gratuitous ARP lower priority repeat = %d", lowerRepeat)
	p.line("   Down timer adverts = %d", downAdverts(in.Config))
	p.line("   Send advert after receive lower priority advert = %t", !in.Deviations.SilentToLower)
	p.line("   Send advert after receive higher priority advert = %t", in.Deviations.AnswerHigher)
	p.line("   Virtual Router ID = %d", in.ID.VRID)
	p.line("   Priority = %d", in.Config.Priority)
	p.line("   Effective priority = %d", in.Instance.Priority)
	p.line("   Total priority = %d", in.Instance.Priority)
	p.line("   Advert interval = %s", interval(in.Config))
	p.line("   Accept = %s", onOff(!in.NoAccept))
	p.line("   Preempt = %s", onOff(in.Config.Preempt))
	if in.PreemptDelay > 0 {
		p.line("   Preempt delay = %g secs", in.PreemptDelay.Seconds())
	}
	if in.Config.Version == 2 {
		p.line("   Authentication type = %s", cmp.Or(authWords[in.Config.Auth.Type], "none"))
	}
	in.addresses(p)
	p.line("   Using smtp notification = %s", yesNo(in.notify.Mail))
}

// authWords are keepalived's names of kinds of authentication.
var authWords = map[vrrp.AuthType]string{vrrp.AuthHeader: "IPSEC_AH", vrrp.AuthPassword: "SIMPLE_PASSWORD"}

func (in *instance) addresses(p *page) {
	for i, title := range []string{"Virtual IP", "Virtual IP Excluded"} {
		list := in.vips(i > 0)
		if len(list) == 0 && i > 0 {
			continue
		}
		p.line("   %s (%d):", title, len(list))
		for _, one := range list {
			p.line("     %s", one)
		}
	}
}

// lower is what counts after a losing advert.
func lower(a vrrp.Announce) (time.Duration, int) {
	switch {
	case a.LowerRepeat < 0:
		return 0, 0
	case a.LowerRepeat == 0:
		return a.Delay, a.Repeat
	}
	return a.LowerDelay, a.LowerRepeat
}

func downAdverts(c vrrp.Config) int {
	if c.DownAdverts == 0 {
		return vrrp.DefaultDownAdverts
	}
	return int(c.DownAdverts)
}

func interval(c vrrp.Config) string {
	if c.Version == 3 {
		return fmt.Sprintf("%d milli-sec", c.AdvertInterval/time.Millisecond)
	}
	return fmt.Sprintf("%d sec", seconds(c.AdvertInterval))
}

func (s State) group(p *page, g conf.SyncGroup) {
	state, members := "", []string{}
	for _, in := range s.instances() {
		if in.group == g.Name {
			members = append(members, in.Config.Name)
			state = words[in.State].name
		}
	}
	p.line(" VRRP Sync Group = %s, %s", g.Name, state)
	p.line("   VRRP member instances = %d", len(members))
	for _, m := range members {
		p.line("     %s", m)
	}
}
