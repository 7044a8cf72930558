package kernel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/vrrp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// vmac is the interface of a virtual router with a virtual MAC address.
type vmac struct {
	name, base string
	mac        [6]byte
}

// vmacsOf returns the interfaces that routers want, in order.
func vmacsOf(routers []vrrp.Config) (all []vmac) {
	for i := range routers {
		if c := &routers[i]; c.VMAC.Name != "" {
			all = append(all, vmac{c.VMAC.Name, c.ID.Interface, c.ID.MAC()})
		}
	}
	return all
}

// addrGenNone is IN6_ADDR_GEN_MODE_NONE (linux/if_link.h): no link-local
// address made from the virtual MAC, which all directors share.
const addrGenNone = 1

// Settings of an interface with a virtual MAC address. It answers ARP for its
// own addresses only, takes packets of the base interface's addresses and
// those whose way back leads over the base interface, and learns nothing from
// router advertisements.
var vmacSettings = map[string]string{
	"ipv4/conf/%s/arp_ignore": "1", "ipv4/conf/%s/accept_local": "1", "ipv4/conf/%s/rp_filter": "0",
	"ipv6/conf/%s/accept_ra": "0", "ipv6/conf/%s/autoconf": "0",
}

// errForeign tells that the name of a virtual router's interface is taken.
var errForeign = errors.New("the name is taken by an interface that vipd did not make")

// ensure makes the interface unless it is there. ours tells that an interface
// of that name was made by vipd. An absent base interface is no error.
func (v vmac) ensure(ours bool) error {
	base, err := netlink.LinkByName(v.base)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up interface %s: %w", v.base, err)
	}
	link, err := netlink.LinkByName(v.name)
	switch {
	case err == nil && v.is(link, base):
		return v.setUp(link)
	case err == nil && !ours:
		return fmt.Errorf("make interface %s: %w", v.name, errForeign)
	case err == nil:
		if err := netlink.LinkDel(link); err != nil {
			return fmt.Errorf("remove interface %s: %w", v.name, err)
		}
	case !absent(err):
		return fmt.Errorf("look up interface %s: %w", v.name, err)
	}
	return v.make(base)
}

func (v vmac) make(base netlink.Link) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.HardwareAddr, attrs.Group = v.name, base.Attrs().Index, v.mac[:], mutedGroup
	link := &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_PRIVATE}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("make interface %s on %s: %w", v.name, v.base, err)
	}
	return v.setUp(link)
}

// is tells whether a link is this interface.
func (v vmac) is(link, base netlink.Link) bool {
	m, ok := link.(*netlink.Macvlan)
	return ok && m.Mode == netlink.MACVLAN_MODE_PRIVATE && m.ParentIndex == base.Attrs().Index &&
		slices.Equal(m.HardwareAddr, net.HardwareAddr(v.mac[:]))
}

// setUp configures the interface and sets it up, which it does not come before:
// the kernel would make addresses of its own.
func (v vmac) setUp(link netlink.Link) error {
	if link.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	var errs []error
	if err := netlink.LinkSetIP6AddrGenMode(link, addrGenNone); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		errs = append(errs, fmt.Errorf("set address generation of %s: %w", v.name, err))
	}
	for path, value := range vmacSettings {
		errs = append(errs, writeSetting(fmt.Sprintf(path, v.name), value))
	}
	if err := netlink.LinkSetUp(link); err != nil {
		errs = append(errs, fmt.Errorf("set interface %s up: %w", v.name, err))
	}
	return errors.Join(errs...)
}

// removeVMAC removes an interface that vipd made. One that is gone is no error.
func removeVMAC(name string) error {
	link, err := netlink.LinkByName(name)
	if absent(err) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return nil
}

// absent tells whether an error means that there is no such interface.
func absent(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound)
}

// settingPath returns the file of a setting below net.
func settingPath(setting string) string { return filepath.Join("/proc/sys/net", setting) }

// writeSetting writes a setting; one that this kernel or namespace lacks, such
// as those of IPv6 where that is off, is no error.
func writeSetting(setting, value string) error {
	err := os.WriteFile(settingPath(setting), []byte(value), 0o644)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set %s: %w", setting, err)
	}
	return nil
}

// readSetting reads a setting; it returns "" for one that does not exist.
func readSetting(setting string) (string, error) {
	b, err := os.ReadFile(settingPath(setting))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", setting, err)
	}
	return strings.TrimSpace(string(b)), nil
}
