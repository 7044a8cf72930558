package interop

import (
	"fmt"
	"strings"
	"time"
)

// cell is a way in which vipd and a peer can talk to each other.
type cell struct {
	peer      string // keepalived, FRR
	version   int    // 2, 3
	family    int    // 4, 6
	transport string // multicast, unicast, vmac, unicast vmac
	auth      string // none, PASS, AH
	vips      int    // how many IPv4 addresses, 0 for one
	group     bool   // two virtual routers that are master together
	third     bool   // a third router is worse than both
	busy      bool   // endless loops compete for the processors
}

const (
	peerVipd       = "vipd" // in hand-overs only
	peerKeepalived = "keepalived"
	peerFRR        = "FRR"
	cellKey        = "s3cr3t12"
	vmac           = "vmac" // a transport, or the end of one
)

func pairing(peer string, version, family int, transport, auth string) cell {
	return cell{peer: peer, version: version, family: family, transport: transport, auth: auth}
}

// cells are all combinations, those that do not exist included.
func cells() (all []cell) {
	for _, peer := range []string{peerKeepalived, peerFRR} {
		for _, version := range []int{2, 3} {
			for _, family := range []int{4, 6} {
				for _, transport := range []string{"multicast", "unicast", vmac, "unicast " + vmac} {
					for _, auth := range []string{"none", "PASS", "AH"} {
						all = append(all, pairing(peer, version, family, transport, auth))
					}
				}
			}
		}
	}
	return all
}

// why tells why a combination does not exist, "" when it does.
func (c cell) why() string {
	switch {
	case c.version == 2 && c.family == 6:
		return "VRRP version 2 knows IPv4 only"
	case c.version == 3 && c.auth != "none":
		return "VRRP version 3 has no authentication of this kind"
	case c.peer == peerFRR && c.auth != "none":
		return "vrrpd has no authentication"
	case c.peer == peerFRR && c.unicast():
		return "vrrpd has no unicast"
	}
	return ""
}

func (c cell) String() string {
	return fmt.Sprintf("%s v%d IPv%d %s %s", c.peer, c.version, c.family, c.transport, c.auth)
}

func (c cell) unicast() bool { return strings.HasPrefix(c.transport, "unicast") }

// virtual tells whether both sides use the virtual MAC address.
func (c cell) virtual() bool { return strings.HasSuffix(c.transport, vmac) }

func (c cell) protocol() protocol {
	if c.version == 2 {
		return version2
	}
	return version3
}

// tolerable is how many pings a hand-over may lose: FRR makes itself the
// target of all frames some 80 ms before it has an IPv6 address.
func (c cell) tolerable() int {
	if c.peer == peerFRR && c.family == 6 && c.virtual() {
		return 40
	}
	return tolerable
}

// addresses are the virtual ones, and those of the two hosts.
func (c cell) addresses() (virtual []string, ours, theirs string) {
	if c.family == 6 {
		return []string{"fe80::100/64", "2001:db8::100/64"}, "2001:db8::1", "2001:db8::2"
	}
	for i := range max(1, c.vips) {
		virtual = append(virtual, fmt.Sprintf("192.0.2.%d/24", firstVIP+i))
	}
	return virtual, "192.0.2.1", "192.0.2.2"
}

// firstVIP is the last octet of the first address, vip.
const firstVIP = 20

// routers returns the number and the addresses of each virtual router.
func (c cell) routers() (vrids []int, virtual [][]string) {
	all, _, _ := c.addresses()
	if !c.group {
		return []int{vrid}, [][]string{all}
	}
	return []int{vrid, vrid + 1}, [][]string{all, {"192.0.2.240/24"}}
}

// vipd is our configuration, or that of a peer.
func (c cell) vipd(priority int) string {
	_, ours, theirs := c.addresses()
	var lines []string
	if c.unicast() {
		lines = append(lines, fmt.Sprintf("source = %q\n  unicast { peers = [%q] }", ours, theirs))
	}
	if c.virtual() {
		lines = append(lines, "vmac {}")
	}
	if kind := map[string]string{"PASS": "password", "AH": "ah"}[c.auth]; kind != "" {
		lines = append(lines, fmt.Sprintf("auth %q { secret = %q }", kind, cellKey))
	}
	var b strings.Builder
	b.WriteString(`version = 1
director "vipd" { address = "192.0.2.1" }
director "peer" { address = "192.0.2.2" }
`)
	vrids, virtual := c.routers()
	for i, id := range vrids {
		fmt.Fprintf(&b, `vrrp_instance "cell%d" {
  interface       = "eth0"
  vrid            = %d
  version         = %d
  priority        = %d
  advert_interval = "%s"
  virtual_address = ["%s"]
  %s
}
`, i, id, c.version, priority, c.protocol().interval, strings.Join(virtual[i], `", "`), strings.Join(lines, "\n  "))
	}
	if c.group {
		b.WriteString("vrrp_sync_group \"both\" {\n  members = [\"cell0\", \"cell1\"]\n}\n")
	}
	return b.String()
}

// keepalived is the peer's configuration.
func (c cell) keepalived(priority int) string {
	_, ours, theirs := c.addresses()
	var lines []string
	if c.unicast() {
		lines = append(lines, fmt.Sprintf("unicast_src_ip %s\n  unicast_peer {\n    %s\n  }", theirs, ours))
	}
	if c.virtual() {
		lines = append(lines, "use_vmac")
	}
	if c.auth != "none" {
		lines = append(lines, fmt.Sprintf("authentication {\n    auth_type %s\n    auth_pass %s\n  }", c.auth, cellKey))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n  vrrp_version %d\n}\n", c.version)
	if c.group {
		b.WriteString("vrrp_sync_group both {\n  group {\n    cell0\n    cell1\n  }\n}\n")
	}
	vrids, virtual := c.routers()
	for i, id := range vrids {
		fmt.Fprintf(&b, `vrrp_instance cell%d {
  state BACKUP
  interface eth0
  virtual_router_id %d
  priority %d
  advert_int %g
  virtual_ipaddress {
    %s
  }
  %s
}
`, i, id, priority, c.protocol().interval.Seconds(), strings.Join(virtual[i], "\n    "), strings.Join(lines, "\n  "))
	}
	return b.String()
}

// frr is the peer's configuration; a better master must be able to rise.
func (c cell) frr(priority int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "interface eth0\n vrrp %d version %d\n vrrp %d priority %d\n vrrp %d advertisement-interval %d\n",
		vrid, c.version, vrid, priority, vrid, c.protocol().interval/time.Millisecond)
	virtual, _, _ := c.addresses()
	for _, v := range virtual {
		ip, _, _ := strings.Cut(v, "/")
		fmt.Fprintf(&b, " vrrp %d %s %s\n", vrid, map[int]string{4: "ip", 6: "ipv6"}[c.family], ip)
	}
	return b.String()
}
