package daemon

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/vrrp"
)

// knownRouters is what carrying out the last will of a daemon takes: the routers
// as they were configured, with their keys.
type knownRouters struct {
	// Namespace is the network namespace in which they are, and Place its name or
	// path when that is not where the daemon was started.
	Namespace uint64          `json:"network_namespace"`
	Place     string          `json:"place,omitempty"`
	Routers   []vrrp.Config   `json:"routers"`
	PeerHeard []vrrp.RouterID `json:"peer_heard"`
}

// knownRoutersFile is in the runtime directory, for root only.
const knownRoutersFile = "routers.json"

// errElsewhere tells that a last will is of another network namespace, where an
// interface of the same name is another one.
var errElsewhere = errors.New("the daemon ran in another network namespace")

// keepRouters writes down what a last will takes, as configured and heard by now.
func (s *supervisor) keepRouters() {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	cfg := s.config()
	k := knownRouters{Namespace: networkNamespace(), Place: cfg.Global.Namespace, Routers: slices.Clone(cfg.Routers), PeerHeard: s.peers.list()}
	if err := saveKnownRouters(s.opt.RuntimeDir, k); err != nil {
		s.warn("daemon", "a crash of everything will be no clean hand-over: "+err.Error(), nil)
	}
}

func saveKnownRouters(runtimeDir string, k knownRouters) error {
	return writeState(filepath.Join(runtimeDir, knownRoutersFile), k, 0o600)
}

// loadKnownRouters reads the file; without one there is nobody to speak for.
func loadKnownRouters(runtimeDir string) (k knownRouters, err error) {
	if err := readState(filepath.Join(runtimeDir, knownRoutersFile), &k); err != nil {
		return knownRouters{}, fmt.Errorf("read routers: %w", err)
	}
	return k, nil
}

// here returns nil where the routers are.
func (k knownRouters) here() error {
	if len(k.Routers) > 0 && k.Namespace != networkNamespace() {
		return errElsewhere
	}
	return nil
}

// networkNamespace identifies that of this process (namespaces(7)), 0 where
// there is no /proc.
func networkNamespace() uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		return 0
	}
	return st.Ino
}

func (k knownRouters) heard() map[vrrp.RouterID]bool {
	heard := make(map[vrrp.RouterID]bool, len(k.PeerHeard))
	for _, id := range k.PeerHeard {
		heard[id] = true
	}
	return heard
}
