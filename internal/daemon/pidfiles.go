package daemon

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vipd/vipd/conf"
)

// PIDFiles are where the process ids of the daemon stand, for scripts; an empty
// path is none. Nothing of vipd reads them.
type PIDFiles struct{ Supervisor, Router, Checker string }

// PIDFilesOf returns those that a configuration asks for, by keepalived's names.
func PIDFilesOf(g conf.Global) PIDFiles {
	if g.PIDDir == "" {
		return PIDFiles{}
	}
	path := func(process string) string {
		if g.Instance != "" {
			process += "_" + g.Instance
		}
		return filepath.Join(g.PIDDir, process+".pid")
	}
	return PIDFiles{Supervisor: path("keepalived"), Router: path("vrrp"), Checker: path("checkers")}
}

// Or completes p from what is to be used otherwise.
func (p PIDFiles) Or(other PIDFiles) PIDFiles {
	return PIDFiles{
		Supervisor: cmp.Or(p.Supervisor, other.Supervisor), Router: cmp.Or(p.Router, other.Router), Checker: cmp.Or(p.Checker, other.Checker),
	}
}

// note writes the file of a process, if one is asked for. What goes wrong is
// told: a daemon runs without it.
func (p PIDFiles) note(process string, pid int) error {
	path := map[string]string{roleRouter: p.Router, roleChecker: p.Checker, roleSupervisor: p.Supervisor}[process]
	if path == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, fmt.Appendf(nil, "%d\n", pid), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write pid file of %s: %w", process, err)
	}
	return nil
}

// remove removes them all.
func (p PIDFiles) remove() {
	for _, path := range []string{p.Supervisor, p.Router, p.Checker} {
		if path != "" {
			os.Remove(path)
		}
	}
}

// notePID writes the process id of a role's new life.
func (s *supervisor) notePID(role string, pid int) {
	if err := s.opt.PIDFiles.note(role, pid); err != nil {
		s.warn("daemon", err.Error(), nil)
	}
}
