package lab

import "path/filepath"

// Keepalived runs keepalived's VRRP part on the host with the given
// configuration, logging to standard error.
func (h *Host) Keepalived(conf string) *Proc {
	h.lab.tb.Helper()
	path := h.WriteFile("keepalived.conf", conf)
	return h.Start("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file", path,
		"--pid", filepath.Join(h.dir, "keepalived.pid"), "--vrrp_pid", filepath.Join(h.dir, "keepalived-vrrp.pid"))
}
