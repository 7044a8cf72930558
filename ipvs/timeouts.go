package ipvs

import "time"

// Timeouts are how long the kernel keeps idle connection entries, in whole
// seconds; 0 = as it is (ip_vs_set_timeout in ip_vs_ctl.c).
type Timeouts struct {
	TCP    time.Duration `json:"tcp,omitempty"`     // established
	TCPFin time.Duration `json:"tcp_fin,omitempty"` // after a FIN
	UDP    time.Duration `json:"udp,omitempty"`
}

// Over returns t completed by base where t leaves things as they are.
func (t Timeouts) Over(base Timeouts) Timeouts {
	pick := func(a, b time.Duration) time.Duration {
		if a > 0 {
			return a
		}
		return b
	}
	return Timeouts{TCP: pick(t.TCP, base.TCP), TCPFin: pick(t.TCPFin, base.TCPFin), UDP: pick(t.UDP, base.UDP)}
}
