package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vipd/vipd/ipvs"
)

// SetSysctls gives the named kernel variables ("net.ipv4.ip_forward") their
// values, remembers what they were and gives those back that are no longer
// named. A value that others set in the meantime is theirs.
func (r *Reconciler) SetSysctls(want map[string]string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.setSysctls(want)
}

func (r *Reconciler) setSysctls(want map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.rec.Sysctls)) {
		if _, wanted := want[name]; !wanted {
			errs = append(errs, r.restoreSysctl(name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		errs = append(errs, r.setSysctl(name, want[name]))
	}
	return errors.Join(errs...)
}

func (r *Reconciler) setSysctl(name, value string) error {
	old, err := r.readSysctl(name)
	if err != nil || old == value {
		return err
	}
	rec := r.rec
	rec.Sysctls = maps.Clone(rec.Sysctls)
	before, recorded := rec.Sysctls[name]
	if !recorded {
		before.Was = old
	}
	rec.Sysctls[name] = setting{Was: before.Was, Is: value}
	if err := r.store(rec); err != nil {
		return err
	}
	return r.writeSysctl(name, value)
}

// restoreSysctl gives a variable its value back. One that went with its
// interface is forgotten.
func (r *Reconciler) restoreSysctl(name string) error {
	ours := r.rec.Sysctls[name]
	now, err := r.readSysctl(name)
	if err == nil && now == ours.Is {
		err = r.writeSysctl(name, ours.Was)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rec := r.rec
	rec.Sysctls = maps.Clone(rec.Sysctls)
	delete(rec.Sysctls, name)
	return r.store(rec)
}

// sysctlPath returns the file of a variable; a slash stands for a dot in the
// name of an interface.
func (r *Reconciler) sysctlPath(name string) string {
	return filepath.Join(r.proc, "sys", strings.NewReplacer(".", "/", "/", ".").Replace(name))
}

func (r *Reconciler) readSysctl(name string) (string, error) {
	b, err := os.ReadFile(r.sysctlPath(name))
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", name, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (r *Reconciler) writeSysctl(name, value string) error {
	if err := os.WriteFile(r.sysctlPath(name), []byte(value), 0o644); err != nil {
		return fmt.Errorf("set sysctl %s to %s: %w", name, value, err)
	}
	return nil
}

// TimeoutKernel is a kernel whose timeouts can be set: a Client.
type TimeoutKernel interface {
	Timeouts() (ipvs.Timeouts, error)
	SetTimeouts(ipvs.Timeouts) error
}

// SetTimeouts makes the kernel's timeouts the wanted ones, as SetSysctls does
// with variables. k is the reconciler's own kernel.
func (r *Reconciler) SetTimeouts(k TimeoutKernel, want ipvs.Timeouts) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if want == (ipvs.Timeouts{}) {
		return r.restoreTimeouts(k)
	}
	have, err := k.Timeouts()
	if err != nil {
		return err
	}
	rec, was := r.rec, have
	if rec.Timeouts != nil {
		was = rec.Timeouts.Was
	}
	target := want.Over(was)
	if target == have {
		return nil
	}
	rec.Timeouts = &timeouts{Was: was, Is: target}
	if err := r.store(rec); err != nil {
		return err
	}
	return k.SetTimeouts(target)
}

func (r *Reconciler) restoreTimeouts(k TimeoutKernel) error {
	ours := r.rec.Timeouts
	if ours == nil {
		return nil
	}
	now, err := k.Timeouts()
	if err == nil && now == ours.Is {
		err = k.SetTimeouts(ours.Was)
	}
	if err != nil {
		return err
	}
	rec := r.rec
	rec.Timeouts = nil
	return r.store(rec)
}

// restoreSettings gives all sysctls and timeouts their old values back.
func (r *Reconciler) restoreSettings() error {
	err := r.setSysctls(nil)
	if k, ok := r.kernel.(TimeoutKernel); ok {
		err = errors.Join(err, r.restoreTimeouts(k))
	}
	return err
}
