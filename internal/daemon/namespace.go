package daemon

import (
	"fmt"
	"os"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/netns"
)

// enterNamespace makes this process work in a network namespace: it executes
// itself there, under the same process id, unless it is there already. A thread
// alone can move, but a process of Go has many that it did not make itself.
func enterNamespace(name string) error {
	inside, err := netns.Inside(name)
	if err != nil || inside {
		return err
	}
	self, err := os.Readlink(ownBinary) // its name is what process lists show
	if err != nil {
		return fmt.Errorf("find own binary: %w", err)
	}
	return netns.Exec(name, self)
}

// keepPlace leaves in a new configuration what cannot change while the daemon
// runs, and tells of it.
func (s *supervisor) keepPlace(cfg *conf.Config) {
	old := s.config()
	for _, one := range []struct {
		key     string
		old, to *string
	}{
		{"network_namespace", &old.Global.Namespace, &cfg.Global.Namespace}, {"network_namespace of ipvs", &old.IPVS.Namespace, &cfg.IPVS.Namespace},
		{"pid_dir", &old.Global.PIDDir, &cfg.Global.PIDDir}, {"instance", &old.Global.Instance, &cfg.Global.Instance},
	} {
		if *one.to != *one.old {
			s.warn("reload", fmt.Sprintf("%s stays %q: a change takes a restart", one.key, *one.old), map[string]any{"key": one.key, "wanted": *one.to})
			*one.to = *one.old
		}
	}
}
