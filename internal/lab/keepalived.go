package lab

import (
	"errors"
	"os"
	"path/filepath"
)

// Keepalived runs keepalived's VRRP part on the host with the given
// configuration, logging in detail to standard error.
func (h *Host) Keepalived(conf string) *Proc {
	h.lab.tb.Helper()
	return h.KeepalivedWith(conf, "--log-detail")
}

// KeepalivedWith runs it with other options, after one that was killed as well:
// that one could not remove what keeps another from starting.
func (h *Host) KeepalivedWith(conf string, options ...string) *Proc {
	h.lab.tb.Helper()
	arg := append([]string{"--dont-fork", "--log-console", "--vrrp", "--use-file", h.WriteFile("keepalived.conf", conf)}, options...)
	for _, kind := range []string{"pid", "vrrp_pid"} {
		path := filepath.Join(h.dir, "keepalived."+kind)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			h.lab.tb.Fatalf("remove what a killed keepalived left: %v", err)
		}
		arg = append(arg, "--"+kind, path)
	}
	return h.Start("keepalived", arg...)
}
