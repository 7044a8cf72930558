package balance

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// TestGuest runs vipd and real traffic, each subtest in a network of its own.
func TestGuest(t *testing.T) {
	lab.Need(t, lab.Tool("ipvsadm"))
	lab.Binary(t) // built once, outside
	if !lab.Guest(t) {
		return
	}
	for _, method := range []string{"masquerade", "direct", "tunnel"} {
		t.Run(method, func(t *testing.T) {
			t.Run("IPv4", func(t *testing.T) { testForwarding(t, method, false) })
			t.Run("IPv6", func(t *testing.T) { testForwarding(t, method, true) })
		})
	}
	// Where the kernel has none, the tests above carry none, and this says so.
	t.Run("SCTP", func(t *testing.T) { lab.Need(t, lab.SCTP) })
	t.Run("Tunnels", testTunnels)
	t.Run("WithoutRight", testWithoutRight)
	t.Run("Operator", testOperator)
	t.Run("Pools", testPools)
	t.Run("Failover", testFailover)
	t.Run("Restart", testRestart)
}

// network is one director with two real servers and a client.
type network struct {
	*testing.T
	client, lb *lab.Host
	reals      [2]*lab.Host
	webs       [2]*lab.WebServer
	names      [2]*lab.DatagramServer
	peers      [2]*lab.AssociationServer
	sctp       bool   // the kernel has it
	vip        string // as in an endpoint, with brackets for IPv6
	addrs      [2]string
}

// newNetwork builds the network that a forwarding method wants: real servers
// behind the director for masquerading, else all on one segment.
func newNetwork(t *testing.T, method string, ipv6 bool) *network {
	t.Helper()
	l := lab.New(t)
	n := &network{T: t, vip: "192.0.2.100", sctp: lab.SCTP() == ""}
	l.Bridge("out", "192.0.2.0/24")
	inside, prefix := "out", "192.0.2."
	if method == "masquerade" {
		inside, prefix = "in", "198.51.100."
		l.Bridge("in", prefix+"0/24")
	}
	n.client = l.Host("client", "out", "192.0.2.50/24")
	n.lb = l.Host("lb", "out", "192.0.2.1/24")
	if method == "masquerade" {
		n.lb.Attach("in", prefix+"1/24")
	}
	for i := range n.reals {
		n.addrs[i] = fmt.Sprintf("%s%d", prefix, 11+i)
		n.reals[i] = l.Host(fmt.Sprintf("rs%d", i+1), inside, n.addrs[i]+"/24")
	}
	n.lb.AddAddress("eth0", n.vip+"/24")
	if ipv6 {
		n.addIPv6(method)
	}
	for i, rs := range n.reals {
		n.prepare(method, rs, i, ipv6)
	}
	return n
}

// addIPv6 gives everybody IPv6 addresses beside the others.
func (n *network) addIPv6(method string) {
	n.Helper()
	n.vip = "2001:db8:1::100"
	n.client.AddAddress("eth0", "2001:db8:1::50/64")
	n.lb.AddAddress("eth0", "2001:db8:1::1/64")
	n.lb.AddVirtual("eth0", n.vip+"/64")
	prefix := "2001:db8:1::"
	if method == "masquerade" {
		prefix = "2001:db8:2::"
		n.lb.AddAddress("eth1", prefix+"1/64")
	}
	for i, rs := range n.reals {
		n.addrs[i] = fmt.Sprintf("%s%d", prefix, 11+i)
		rs.AddAddress("eth0", n.addrs[i]+"/64")
	}
}

// prepare makes a host a real server of the method.
func (n *network) prepare(method string, rs *lab.Host, i int, ipv6 bool) {
	n.Helper()
	gateway, listen := "198.51.100.1", ":80"
	if ipv6 {
		gateway, listen = "2001:db8:2::1", "[::]:80"
	}
	switch method {
	case "masquerade":
		rs.DefaultRoute(gateway)
	case "direct":
		rs.ServeDirect(n.vip)
		// The kernel would let checks leave from the virtual address.
		if out, err := n.lb.Run("ip", "route", "add", n.addrs[i], "dev", "eth0", "src", n.vip); err != nil {
			n.Fatalf("%v %s", err, out)
		}
	case "tunnel":
		rs.ServeTunnel(n.vip)
	}
	n.webs[i] = rs.WebServer(listen, "alive\n")
	datagrams := []string{net.JoinHostPort(n.addrs[i], "53")}
	if method != "masquerade" {
		datagrams = append(datagrams, net.JoinHostPort(n.vip, "53"))
	}
	n.names[i] = rs.DatagramServer(datagrams...)
	if n.sctp {
		// Where packets come as they were sent, the virtual address is its own.
		n.peers[i] = rs.AssociationServer(net.JoinHostPort(map[bool]string{true: n.addrs[i], false: n.vip}[method == "masquerade"], "3868"))
	}
	if ipv6 {
		n.addrs[i] = "[" + n.addrs[i] + "]"
	}
	if i == 1 && ipv6 {
		n.vip = "[" + n.vip + "]"
	}
}

func (n *network) service() string { return n.vip + ":80" }

// testForwarding balances real connections and datagrams, sees a real server
// die and come back, and finds nothing left after a stop.
func testForwarding(t *testing.T, method string, ipv6 bool) {
	n := newNetwork(t, method, ipv6)
	v := n.lb.Vipd(fmt.Sprintf(`version = 1
ipvs {
  ip_forward     = true
  send_redirects = false
}
virtual_server "web" {
  address   = "%[1]s"
  scheduler = "rr"
  forward   = "%[2]s"
  quiescent = false
  check "tcp" {
    interval = "300ms"
    timeout  = "250ms"
  }
  real_server "%[3]s" {}
  real_server "%[4]s" {}
}
virtual_server "names" {
  address   = "%[5]s"
  protocol  = "udp"
  scheduler = "rr"
  forward   = "%[2]s"
  check "udp" {
    interval = "300ms"
    timeout  = "250ms"
  }
  real_server "%[3]s" {}
  real_server "%[4]s" {}
}
virtual_server "peers" {
  address   = "%[6]s"
  protocol  = "sctp"
  scheduler = "rr"
  forward   = "%[2]s"
  quiescent = false
  check "tcp" {
    port     = 80
    interval = "300ms"
    timeout  = "250ms"
  }
  real_server "%[3]s" {}
  real_server "%[4]s" {}
}
`, n.service(), method, n.addrs[0], n.addrs[1], n.vip+":53", n.vip+":3868"))
	lab.WaitFor(t, "both real servers answer through the director", 15*time.Second, func() error { return n.answers(2) })
	if got := n.lb.ReadSysctl("net.ipv4.ip_forward"); got != "1" {
		t.Errorf("ip_forward is %s", got)
	}
	n.webs[0].Stop()
	n.names[0].Stop()
	lab.WaitFor(t, "only the living one answers", 15*time.Second, func() error { return n.answers(1) })
	n.webs[0].Start()
	n.names[0].Start()
	lab.WaitFor(t, "both answer again", 15*time.Second, func() error { return n.answers(2) })
	v.Signal(15)
	if _, err := v.Wait(10 * time.Second); err != nil {
		t.Error(err)
	}
	if left, err := n.lb.Run("ipvsadm", "-S", "-n"); err != nil || left != "" {
		t.Errorf("after the stop the table holds %q, %v", left, err)
	}
	if got := n.lb.ReadSysctl("net.ipv4.ip_forward"); got != "0" {
		t.Errorf("after the stop ip_forward is %s", got)
	}
}

// answers returns nil when six connections and six datagrams in a row are
// answered by so many real servers.
func (n *network) answers(want int) error {
	asks := map[string]func() lab.Fetched{
		"connections": func() lab.Fetched { return n.client.Fetch(n.service()) },
		"datagrams":   func() lab.Fetched { return n.client.AskDatagram(n.vip + ":53") },
	}
	if n.sctp {
		asks["associations"] = func() lab.Fetched { return n.client.AskAssociation(n.vip + ":3868") }
	}
	for what, ask := range asks {
		var all lab.Tally
		for range 6 {
			all = append(all, ask())
		}
		by := all.By()
		if lost := all.Lost(); len(lost) > 0 {
			return fmt.Errorf("%d %s are lost: %w", len(lost), what, lost[0].Err)
		}
		if len(by) != want {
			return fmt.Errorf("%s are answered by %v", what, by)
		}
	}
	return nil
}
