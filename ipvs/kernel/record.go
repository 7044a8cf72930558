package kernel

import (
	"encoding/json"
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

// record is what must survive the daemon, though not the kernel: which
// services and settings it put there. It is written before the kernel is
// programmed, so that nothing of ours is ever nobody's.
type record struct {
	Version int `json:"version"`
	// BootID and NetNS name the kernel table that the record is about. A
	// record of another one says nothing about the services found here.
	BootID   string            `json:"boot_id"`
	NetNS    string            `json:"net_ns"`
	Services []ipvs.ServiceKey `json:"services"`
	// Sysctls are those that we set, by name.
	Sysctls map[string]setting `json:"sysctls,omitempty"`
	// Timeouts are those before ours, and ours.
	Timeouts *timeouts `json:"timeouts,omitempty"`
}

// setting is a value that we set, and the one that it replaced.
type setting struct {
	Was string `json:"was"`
	Is  string `json:"is"`
}

// timeouts are those that we set, and those that they replaced.
type timeouts struct {
	Was ipvs.Timeouts `json:"was"`
	Is  ipvs.Timeouts `json:"is"`
}

const recordVersion = 2

// newRecord returns an empty record of this boot and network namespace.
func newRecord(proc string) (record, error) {
	boot, err := os.ReadFile(filepath.Join(proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return record{}, fmt.Errorf("read boot id: %w", err)
	}
	ns, err := os.Readlink(filepath.Join(proc, "thread-self/ns/net"))
	if err != nil {
		return record{}, fmt.Errorf("read network namespace: %w", err)
	}
	return record{
		Version: recordVersion, BootID: strings.TrimSpace(string(boot)), NetNS: ns,
		Sysctls: map[string]setting{},
	}, nil
}

// errRecord means that a record exists and cannot be understood.
var errRecord = errors.New("record is damaged, services of an earlier run are left alone")

// load returns the record at path if it is about the same table as r, else r.
func (r record) load(path string) (record, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read runtime record: %w", err)
	}
	var found record
	if err := json.Unmarshal(b, &found); err != nil {
		return r, fmt.Errorf("read runtime record %s: %w: %w", path, errRecord, err)
	}
	if found.Version != r.Version || found.BootID != r.BootID || found.NetNS != r.NetNS {
		return r, nil
	}
	if found.Sysctls == nil {
		found.Sysctls = map[string]setting{}
	}
	return found, nil
}

// save replaces the file in one step. It is not synced: after a crash of the
// machine the record is void anyway.
func (r record) save(path string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("encode runtime record: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write runtime record: %w", err)
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write runtime record: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write runtime record: %w", err)
	}
	return nil
}

// owned returns the recorded services as a set.
func (r record) owned() map[ipvs.ServiceKey]bool {
	m := make(map[ipvs.ServiceKey]bool, len(r.Services))
	for _, k := range r.Services {
		m[k] = true
	}
	return m
}

// withServices returns a copy of r that owns exactly these services.
func (r record) withServices(keys map[ipvs.ServiceKey]bool) record {
	r.Services = slices.SortedFunc(maps.Keys(keys), ipvs.ServiceKey.Compare)
	return r
}

func (r record) equal(o record) bool {
	return r.Version == o.Version && r.BootID == o.BootID && r.NetNS == o.NetNS &&
		slices.Equal(r.Services, o.Services) && maps.Equal(r.Sysctls, o.Sysctls) && r.Timeouts.equal(o.Timeouts)
}

func (t *timeouts) equal(o *timeouts) bool {
	if t == nil || o == nil {
		return t == o
	}
	return *t == *o
}
