package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// storeFile, in the runtime directory, says what of the kernel's state is
// ours. It is written before an address is added, so that nothing of ours can
// exist without standing in it.
const storeFile = "addresses.json"

// stored is the content of the store file.
type stored struct {
	// Boot is the boot the content belongs to; addresses do not survive one.
	Boot      string          `json:"boot_id"`
	Addresses []storedAddress `json:"addresses"`
	// Promote holds, by interface, the value of promote_secondaries before us.
	Promote map[string]string `json:"promote_secondaries,omitempty"`
	// Paths are the routes and rules of the routers that are master.
	Paths []vrrp.Paths `json:"paths,omitempty"`
}

type storedAddress struct {
	Interface string       `json:"interface"`
	Address   netip.Prefix `json:"address"`
}

// store keeps the content on disk.
type store struct {
	dir  string
	boot string
}

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create runtime directory: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	return &store{dir: dir, boot: boot}, nil
}

// bootID returns the kernel's identity of this boot.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (s *store) path() string { return filepath.Join(s.dir, storeFile) }

// load returns what was stored during this boot, nothing when there is no
// file or when it belongs to another boot.
func (s *store) load() (stored, error) {
	var content stored
	err := readJSON(s.path(), &content)
	if errors.Is(err, fs.ErrNotExist) {
		return stored{}, nil
	}
	if err != nil {
		return stored{}, err
	}
	if content.Boot != s.boot {
		return stored{}, nil
	}
	return content, nil
}

// save replaces the file in one step.
func (s *store) save(content stored) error {
	content.Boot = s.boot
	return writeJSON(s.path(), content)
}

// readJSON decodes a record file.
func readJSON(path string, content any) error {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, content)
	}
	if err != nil {
		return fmt.Errorf("read record %s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a record file in one step. It is not forced to disk: it
// has to outlive processes, not the kernel.
func writeJSON(path string, content any) error {
	b, err := json.Marshal(content)
	if err == nil {
		err = os.WriteFile(path+".new", b, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write record %s: %w", path, err)
	}
	return nil
}
