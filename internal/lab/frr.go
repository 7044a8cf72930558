package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// frrPrograms holds the programs of FRR where Debian puts them.
const frrPrograms = "/usr/lib/frr"

// FRR is a running VRRP router of FRR: vrrpd and the zebra that it needs.
type FRR struct {
	Vrrpd, zebra *Proc
}

// FRRVrrpd returns the requirement of FRR's vrrpd.
func FRRVrrpd() Requirement { return Tool(filepath.Join(frrPrograms, "vrrpd")) }

// FRRMacvlan makes the interface that vrrpd finds its virtual router by: a
// macvlan of eth0 with the virtual MAC address of the family (4 or 6) that has
// the virtual addresses, which vrrpd switches on and off.
func (h *Host) FRRMacvlan(family, vrid int, addresses ...string) {
	h.lab.tb.Helper()
	// Only the macvlan answers for its addresses, as FRR's manual demands.
	h.Sysctl("net.ipv4.conf.all.arp_ignore", "1")
	name := fmt.Sprintf("vrrp%d-%d", family, vrid)
	commands := []string{
		fmt.Sprintf("link add %s link eth0 type macvlan mode bridge", name),
		fmt.Sprintf("link set %s address 00:00:5e:00:%02x:%02x addrgenmode random", name, family/2-1, vrid),
	}
	for _, a := range addresses {
		commands = append(commands, fmt.Sprintf("addr add %s dev %s nodad", a, name))
	}
	for _, c := range append(commands, fmt.Sprintf("link set %s up", name)) {
		c = strings.TrimSuffix(c, " nodad")
		if family == 6 && strings.HasPrefix(c, "addr") {
			c += " nodad"
		}
		if out, err := h.Run("ip", strings.Fields(c)...); err != nil {
			h.lab.tb.Fatalf("ip %s on %s: %v\n%s", c, h.Name, err, out)
		}
	}
}

// FRR runs vrrpd with a configuration.
func (h *Host) FRR(conf string) *FRR {
	h.lab.tb.Helper()
	dir := filepath.Join(h.dir, "frr")
	if err := h.frrDir(dir); err != nil {
		h.lab.tb.Fatalf("prepare FRR of %s: %v", h.Name, err)
	}
	zserv := filepath.Join(dir, "zserv.api")
	common := func(name, config string) []string {
		return []string{
			"-z", zserv, "--vty_socket", dir, "-i", filepath.Join(dir, name+".pid"),
			"-f", h.WriteFile(name+".conf", config), "-P", "0", "--log", "stdout",
		}
	}
	f := &FRR{}
	f.zebra = h.Start(filepath.Join(frrPrograms, "zebra"), common("zebra", "")...)
	WaitFor(h.lab.tb, "zebra answers", startBound, func() error { return exists(zserv) })
	f.Vrrpd = h.Start(filepath.Join(frrPrograms, "vrrpd"), common("vrrpd", conf)...)
	return f
}

// Kill ends both programs at once.
func (f *FRR) Kill() {
	f.Vrrpd.Kill()
	f.zebra.Kill()
}

// startBound is how long a program may take to start on a busy machine.
const startBound = 20 * time.Second

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

// frrDir makes a directory, empty, that FRR's own user may write to.
func (h *Host) frrDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(os.Chmod(dir, 0o777), os.Chmod(h.dir, 0o755), os.Chmod(filepath.Dir(h.dir), 0o755))
}
