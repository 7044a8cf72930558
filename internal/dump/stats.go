package dump

import "github.com/vipd/vipd/vrrp"

// stats are keepalived's counters of an instance, by its JSON names.
type stats struct {
	Received     uint64 `json:"advert_rcvd"`
	Sent         uint64 `json:"advert_sent"`
	Become       uint64 `json:"become_master"`
	Release      uint64 `json:"release_master"`
	Length       uint64 `json:"packet_len_err"`
	Interval     uint64 `json:"advert_interval_err"`
	TTL          uint64 `json:"ip_ttl_err"`
	Type         uint64 `json:"invalid_type_rcvd"`
	Addresses    uint64 `json:"addr_list_err"`
	AuthInvalid  uint64 `json:"invalid_authtype"`
	AuthMismatch uint64 `json:"authtype_mismatch"`
	AuthFailure  uint64 `json:"auth_failure"`
	ZeroReceived uint64 `json:"pri_zero_rcvd"`
	ZeroSent     uint64 `json:"pri_zero_sent"`
}

// statsOf counts since base.
func statsOf(now, base vrrp.Counters) stats {
	dropped := func(reasons ...vrrp.DropReason) (n uint64) {
		for _, r := range reasons {
			n += now.Dropped[r] - base.Dropped[r]
		}
		return n
	}
	left := func(c vrrp.Counters) uint64 {
		n := uint64(0)
		for state, times := range c.TransitionsTo {
			if state != vrrp.StateMaster.String() {
				n += times
			}
		}
		return min(n, c.BecameMaster)
	}
	return stats{
		Received: now.AdvertsReceived - base.AdvertsReceived, Sent: now.AdvertsSent - base.AdvertsSent,
		Become: now.BecameMaster - base.BecameMaster, Release: left(now) - left(base),
		Length: dropped(vrrp.DropLength), TTL: dropped(vrrp.DropTTL), Type: dropped(vrrp.DropType),
		Interval: dropped(vrrp.DropInterval, vrrp.DropIntervalZero), Addresses: dropped(vrrp.DropVRIDClash, vrrp.DropCount),
		AuthMismatch: dropped(vrrp.DropAuthType, vrrp.DropAuthMissing), AuthFailure: dropped(vrrp.DropAuthFailed, vrrp.DropAuthStale, vrrp.DropReplay),
		ZeroReceived: now.ZeroReceived - base.ZeroReceived, ZeroSent: now.ZeroSent - base.ZeroSent,
	}
}

// Stats returns what keepalived writes to keepalived.stats on SIGUSR2.
func Stats(s State) []byte {
	p := &page{}
	for _, in := range s.instances() {
		n := in.stats
		p.line("VRRP Instance: %s", in.Config.Name)
		p.line("  Advertisements:")
		p.line("    Received: %d", n.Received)
		p.line("    Sent: %d", n.Sent)
		p.line("  Became master: %d", n.Become)
		p.line("  Released master: %d", n.Release)
		p.line("  Packet Errors:")
		p.line("    Length: %d", n.Length)
		p.line("    TTL: %d", n.TTL)
		p.line("    Invalid Type: %d", n.Type)
		p.line("    Advertisement Interval: %d", n.Interval)
		p.line("    Address List: %d", n.Addresses)
		p.line("  Authentication Errors:")
		p.line("    Invalid Type: %d", n.AuthInvalid)
		p.line("    Type Mismatch: %d", n.AuthMismatch)
		p.line("    Failure: %d", n.AuthFailure)
		p.line("  Priority Zero:")
		p.line("    Received: %d", n.ZeroReceived)
		p.line("    Sent: %d", n.ZeroSent)
	}
	return []byte(p.String())
}
