package dump

import (
	"cmp"
	"net"
)

// Parent returns what keepalived writes to keepalived_parent.data on SIGUSR1:
// global settings alone.
func Parent(s State) []byte {
	p := &page{}
	s.globals(p)
	return []byte(p.String())
}

// globals writes the settings of the daemon itself.
func (s State) globals(p *page) {
	g := s.Config.Global
	p.section("Global definitions")
	p.line(" Network namespace = %s", cmp.Or(g.Namespace, "(default)"))
	p.line(" Network namespace ipvs = %s", cmp.Or(s.Config.IPVS.Namespace, "(main namespace)"))
	if g.Instance != "" {
		p.line(" Instance name = %s", g.Instance)
	}
	if m := g.Mail; m != nil {
		p.line(" Router ID = %s", m.Name)
		host, port, err := net.SplitHostPort(m.Server)
		if err != nil {
			host = m.Server
		}
		p.line(" Smtp server = %s", host)
		p.line(" Smtp server port = %s", port)
		p.line(" Smtp server connection timeout = %d", seconds(m.Timeout))
		p.line(" Email notification from = %s", m.From)
		p.line(" Email notification to:")
		for _, to := range m.To {
			p.line("   %s", to)
		}
	}
	p.line(" LVS flush = %t", s.Config.IPVS.FlushOnStart)
	p.line(" VRRP realtime priority = %d", g.RealTimePriority)
	p.line(" Checker realtime priority = %d", g.Checker.RealTime)
	p.line(" rs_init_notifies = %d", bit(s.Config.IPVS.TellFirst))
}
