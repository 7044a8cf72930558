package kernel

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// expireTemplates is the only sysctl of net.ipv4.vs that vipd sets, and only
// when asked to (Documentation/networking/ipvs-sysctl.rst). With it, a
// persistence template whose real server has weight 0 is not used for new
// connections.
//
// Its neighbour expire_nodest_conn stays as it is: with it, connections to a
// removed real server would end at the next packet, which is what a removal
// for a moment (a restart, a reload) must not do, and it would hit the
// services of everybody else in the namespace as well.
const expireTemplates = "expire_quiescent_template"

// ExpireTemplates sets net.ipv4.vs.expire_quiescent_template to 1 when it is
// needed (ipvs.NeedTemplateExpiry) and gives its old value back when it is no
// longer. A value that others set in the meantime is theirs.
func (r *Reconciler) ExpireTemplates(needed bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !needed {
		return r.restoreSysctl()
	}
	old, err := r.readSysctl()
	if err != nil || old == "1" {
		return err
	}
	rec := r.rec
	rec.Sysctls = maps.Clone(rec.Sysctls)
	if _, recorded := rec.Sysctls[expireTemplates]; !recorded {
		rec.Sysctls[expireTemplates] = old
	}
	if err := r.store(rec); err != nil {
		return err
	}
	return r.writeSysctl("1")
}

func (r *Reconciler) restoreSysctl() error {
	old, recorded := r.rec.Sysctls[expireTemplates]
	if !recorded {
		return nil
	}
	now, err := r.readSysctl()
	if err == nil && now == "1" {
		err = r.writeSysctl(old)
	}
	if err != nil {
		return err
	}
	rec := r.rec
	rec.Sysctls = maps.Clone(rec.Sysctls)
	delete(rec.Sysctls, expireTemplates)
	return r.store(rec)
}

func (r *Reconciler) sysctlPath() string {
	return filepath.Join(r.proc, "sys/net/ipv4/vs", expireTemplates)
}

func (r *Reconciler) readSysctl() (string, error) {
	b, err := os.ReadFile(r.sysctlPath())
	if err != nil {
		return "", fmt.Errorf("read sysctl net.ipv4.vs.%s: %w", expireTemplates, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (r *Reconciler) writeSysctl(value string) error {
	if err := os.WriteFile(r.sysctlPath(), []byte(value), 0o644); err != nil {
		return fmt.Errorf("set sysctl net.ipv4.vs.%s to %s: %w", expireTemplates, value, err)
	}
	return nil
}
