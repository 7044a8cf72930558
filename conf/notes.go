package conf

import (
	"fmt"

	"github.com/vipd/vipd/vrrp"
)

// Notes explain what follows from the configuration but is not written in it:
// for every virtual router the lease mode in force, and why.
func (c *Config) Notes() Diagnostics {
	var notes Diagnostics
	file := ""
	if len(c.Files) > 0 {
		file = c.Files[0]
	}
	for _, r := range c.Routers {
		mode, why := leaseInForce(r, len(c.Directors))
		notes = append(notes, Diagnostic{
			Severity: Note, Code: "lease", File: file,
			Summary: fmt.Sprintf("vrrp_instance %q: lease mode %s, because %s", r.Name, mode, why),
		})
	}
	return notes
}

// leaseInForce resolves the automatic mode as far as the file decides it.
func leaseInForce(r vrrp.Config, directors int) (vrrp.LeaseMode, string) {
	switch {
	case r.Lease != vrrp.LeaseAuto:
		return r.Lease, "it is configured"
	case r.Peers:
		return vrrp.LeaseHeal, fmt.Sprintf("the configuration names %d directors", directors)
	}
	return vrrp.LeaseOff, "no other director is configured; it becomes heal once another router was heard"
}
