// Package doctor looks for what commonly keeps a director, or a real server,
// from working although its configuration is right: kernel settings, modules,
// routes, firewalls, bridges, other daemons. It changes nothing.
package doctor

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// Level of a finding.
type Level string

// Levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, or may not
	Problem Level = "problem" // does not work
)

// Finding is the outcome of one examination.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	Summary string `json:"summary"`
	Remedy  string `json:"remedy,omitempty"`
}

// Route is how a packet would leave.
type Route struct {
	Interface string
	Gateway   netip.Addr // zero = directly
	Source    netip.Addr
}

// Host is what an examination may ask of the machine.
type Host struct {
	Root      string                                  // "/" or a test's copy of /proc, /sys and /etc
	Run       func(name string, args ...string) error // whether a command succeeds
	Output    func(name string, args ...string) string
	Route     func(netip.Addr) (Route, error)
	Addresses func(iface string) ([]netip.Prefix, error)
	// OtherDaemon describes another VRRP daemon of this host that runs a virtual
	// router, or "".
	OtherDaemon func(vrrp.RouterID) string
}

// ThisHost returns the machine that we run on.
func ThisHost(otherDaemon func(vrrp.RouterID) string) *Host {
	return &Host{
		Root: "/",
		Run:  func(name string, args ...string) error { return exec.Command(name, args...).Run() },
		Output: func(name string, args ...string) string {
			out, err := exec.Command(name, args...).Output()
			if err != nil {
				return ""
			}
			return string(out)
		},
		Route: route, Addresses: addresses, OtherDaemon: otherDaemon,
	}
}

func route(target netip.Addr) (Route, error) {
	list, err := netlink.RouteGet(target.AsSlice())
	if err != nil {
		return Route{}, err
	}
	if len(list) == 0 {
		return Route{}, fmt.Errorf("no route to %s", target)
	}
	var r Route
	if a, ok := netip.AddrFromSlice(list[0].Gw); ok {
		r.Gateway = a.Unmap()
	}
	if a, ok := netip.AddrFromSlice(list[0].Src); ok {
		r.Source = a.Unmap()
	}
	link, err := netlink.LinkByIndex(list[0].LinkIndex)
	if err != nil {
		return Route{}, err
	}
	r.Interface = link.Attrs().Name
	return r, nil
}

func addresses(iface string) ([]netip.Prefix, error) {
	link, err := netlink.LinkByName(iface)
	if err != nil {
		return nil, err
	}
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if bits, _ := a.Mask.Size(); ok {
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out, nil
}

// examination collects findings.
type examination struct {
	*Host
	found []Finding
}

func (x *examination) add(level Level, subject, remedy, format string, args ...any) {
	x.found = append(x.found, Finding{Level: level, Subject: subject, Summary: fmt.Sprintf(format, args...), Remedy: remedy})
}

// read returns a file without its line end, "" when there is none.
func (x *examination) read(path string) string {
	b, err := os.ReadFile(filepath.Join(x.Root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (x *examination) exists(path string) bool {
	_, err := os.Stat(filepath.Join(x.Root, path))
	return err == nil
}

// sysctl returns a kernel variable, given with slashes.
func (x *examination) sysctl(path string) string { return x.read("proc/sys/" + path) }

// Director examines the machine for a configuration.
func Director(h *Host, cfg *conf.Config) []Finding {
	x := &examination{Host: h}
	x.modules(cfg)
	x.forwarding(cfg)
	x.instances(cfg)
	x.realServers(cfg)
	x.firewall(cfg)
	x.realTime(cfg)
	x.otherDaemons()
	return x.found
}

// interfaces lists the interfaces of all instances, once each.
func interfaces(cfg *conf.Config) []string {
	var out []string
	for _, r := range cfg.Routers {
		out = append(out, r.ID.Interface)
	}
	if cfg.Sync != nil {
		out = append(out, cfg.Sync.Interface)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
