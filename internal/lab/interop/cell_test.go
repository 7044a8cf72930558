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
	transport string // multicast, unicast, vmac
	auth      string // none, PASS, AH
}

const (
	peerKeepalived = "keepalived"
	peerFRR        = "FRR"
	cellKey        = "s3cr3t12"
)

// cells are all combinations, those that do not exist included.
func cells() (all []cell) {
	for _, peer := range []string{peerKeepalived, peerFRR} {
		for _, version := range []int{2, 3} {
			for _, family := range []int{4, 6} {
				for _, transport := range []string{"multicast", "unicast", "vmac"} {
					for _, auth := range []string{"none", "PASS", "AH"} {
						all = append(all, cell{peer, version, family, transport, auth})
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
	case c.peer == peerFRR && c.transport == "unicast":
		return "vrrpd has no unicast"
	}
	return ""
}

func (c cell) String() string {
	return fmt.Sprintf("%s v%d IPv%d %s %s", c.peer, c.version, c.family, c.transport, c.auth)
}

func (c cell) protocol() protocol {
	if c.version == 2 {
		return version2
	}
	return version3
}

// tolerable is how many pings a hand-over may lose: FRR makes itself the
// target of all frames some 80 ms before it has an IPv6 address.
func (c cell) tolerable() int {
	if c.peer == peerFRR && c.family == 6 && c.transport == "vmac" {
		return 40
	}
	return tolerable
}

// addresses are the virtual ones, and those of the two hosts.
func (c cell) addresses() (virtual []string, ours, theirs string) {
	if c.family == 6 {
		return []string{"fe80::100/64", "2001:db8::100/64"}, "2001:db8::1", "2001:db8::2"
	}
	return []string{vip + "/24"}, "192.0.2.1", "192.0.2.2"
}

// vipd is our configuration.
func (c cell) vipd(priority int) string {
	virtual, ours, theirs := c.addresses()
	var lines []string
	switch c.transport {
	case "unicast":
		lines = append(lines, fmt.Sprintf("source = %q\n  unicast { peers = [%q] }", ours, theirs))
	case "vmac":
		lines = append(lines, "vmac {}")
	}
	if kind := map[string]string{"PASS": "password", "AH": "ah"}[c.auth]; kind != "" {
		lines = append(lines, fmt.Sprintf("auth %q { secret = %q }", kind, cellKey))
	}
	return fmt.Sprintf(`version = 1
director "vipd" { address = "192.0.2.1" }
director "peer" { address = "192.0.2.2" }
vrrp_instance "cell" {
  interface       = "eth0"
  vrid            = %d
  version         = %d
  priority        = %d
  advert_interval = "%s"
  virtual_address = ["%s"]
  %s
}
`, vrid, c.version, priority, c.protocol().interval, strings.Join(virtual, `", "`), strings.Join(lines, "\n  "))
}

// keepalived is the peer's configuration.
func (c cell) keepalived(priority int) string {
	virtual, ours, theirs := c.addresses()
	var lines []string
	switch c.transport {
	case "unicast":
		lines = append(lines, fmt.Sprintf("unicast_src_ip %s\n  unicast_peer {\n    %s\n  }", theirs, ours))
	case "vmac":
		lines = append(lines, "use_vmac")
	}
	if c.auth != "none" {
		lines = append(lines, fmt.Sprintf("authentication {\n    auth_type %s\n    auth_pass %s\n  }", c.auth, cellKey))
	}
	return fmt.Sprintf(`global_defs {
  vrrp_version %d
}
vrrp_instance cell {
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
`, c.version, vrid, priority, c.protocol().interval.Seconds(), strings.Join(virtual, "\n    "), strings.Join(lines, "\n  "))
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
