package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctls reads and writes one setting per interface.
type sysctls interface {
	read(iface string) (string, error)
	write(iface, value string) error
}

// promoteSecondaries is net.ipv4.conf.IF.promote_secondaries of the calling
// thread's network namespace. With 0, an address that goes takes along all
// later ones of its subnet: a lease that ends could take the host's own
// address and its default route.
type promoteSecondaries struct{}

func (promoteSecondaries) path(iface string) string {
	return filepath.Join("/proc/sys/net/ipv4/conf", iface, "promote_secondaries")
}

func (s promoteSecondaries) read(iface string) (string, error) {
	b, err := os.ReadFile(s.path(iface))
	return strings.TrimSpace(string(b)), err
}

func (s promoteSecondaries) write(iface, value string) error {
	return os.WriteFile(s.path(iface), []byte(value), 0o644)
}

// promoter sets promote_secondaries on interfaces that carry leases and
// remembers what to restore.
type promoter struct {
	sysctl sysctls
	before map[string]string // by interface; part of the store
	done   map[int]bool      // by interface index
}

// needed reads the setting of an interface that is about to get its first
// lease and remembers it when it has to be changed; the memory has to be
// saved before set.
func (p *promoter) needed(iface string, index int) (bool, error) {
	if p.done[index] {
		return false, nil
	}
	old, err := p.sysctl.read(iface)
	if err != nil {
		return false, fmt.Errorf("read promote_secondaries of %s: %w", iface, err)
	}
	if old == "1" {
		p.done[index] = true
		return false, nil
	}
	if _, known := p.before[iface]; !known {
		p.before[iface] = old
	}
	return true, nil
}

func (p *promoter) set(iface string, index int) error {
	if err := p.sysctl.write(iface, "1"); err != nil {
		return fmt.Errorf("set promote_secondaries of %s: %w", iface, err)
	}
	p.done[index] = true
	return nil
}

// restore gives an interface without leases its setting back and reports
// whether there was one to restore.
func (p *promoter) restore(iface string) (bool, error) {
	clear(p.done)
	old, changed := p.before[iface]
	if !changed {
		return false, nil
	}
	delete(p.before, iface)
	if err := p.sysctl.write(iface, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, fmt.Errorf("restore promote_secondaries of %s: %w", iface, err)
	}
	return true, nil
}
