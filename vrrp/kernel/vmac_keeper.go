package kernel

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/vrrp/runner"
)

// vmacFile, in the runtime directory, says which interfaces vipd made and
// which settings of the host it changed for them.
const vmacFile = "vmacs.json"

// vmacRecord is the content of the file.
type vmacRecord struct {
	Boot  string   `json:"boot_id"`
	Links []string `json:"interfaces"`
	// Settings holds values before vipd changed them.
	Settings map[string]string `json:"settings,omitempty"`
}

// vmacKeeper makes the interfaces with virtual MAC addresses that are wanted
// and removes those that vipd made and nobody wants. It works in a goroutine
// of its own: an election never waits for it.
type vmacKeeper struct {
	path    string
	boot    string
	observe func(runner.AddressEvent)

	mu    sync.Mutex
	want  []vmac
	known bool // want was set

	wake  chan struct{}
	stop  chan struct{}
	ended chan struct{}

	// Of the goroutine.
	record  vmacRecord
	lastErr string // reported
	muting  *bool  // whether the table for it is there, nil if that is unknown
}

func newVMACKeeper(dir, boot string, observe func(runner.AddressEvent)) *vmacKeeper {
	k := &vmacKeeper{
		path: filepath.Join(dir, vmacFile), boot: boot, observe: observe,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := readJSON(k.path, &k.record); err != nil && !errors.Is(err, os.ErrNotExist) {
		observe(failure("", err))
	}
	if k.record.Boot != boot {
		k.record = vmacRecord{}
	}
	if k.record.Settings == nil {
		k.record.Settings = make(map[string]string)
	}
	return k
}

// set changes what is wanted.
func (k *vmacKeeper) set(want []vmac) {
	k.mu.Lock()
	k.want, k.known = want, true
	k.mu.Unlock()
	k.look()
}

// look lets the keeper see whether everything is as wanted: an interface came
// or went.
func (k *vmacKeeper) look() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run works whenever something may have changed, first when it is known what
// is wanted: interfaces of an earlier life may be.
func (k *vmacKeeper) run() {
	defer close(k.ended)
	var again <-chan time.Time
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
		case <-again:
		}
		if again = nil; !k.told() {
			continue
		}
		if k.reconcile() != nil {
			again = time.After(retryPause)
		}
	}
}

// told reports whether it is known what is wanted.
func (k *vmacKeeper) told() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known
}

// reconcile brings the host to what is wanted. A failure is reported unless
// it is the same as before.
func (k *vmacKeeper) reconcile() error {
	k.mu.Lock()
	want := k.want
	k.mu.Unlock()
	errs := []error{k.removeUnwanted(want), k.adapt(want), k.allowMuting(len(want) > 0)}
	for _, v := range want {
		ours := slices.Contains(k.record.Links, v.name)
		if !ours {
			// First, so that nothing of ours can exist without being noted.
			k.record.Links = append(k.record.Links, v.name)
			errs = append(errs, k.save())
		}
		err := v.ensure(ours)
		if errors.Is(err, errForeign) {
			k.record.Links = slices.DeleteFunc(k.record.Links, func(n string) bool { return n == v.name })
			errs = append(errs, k.save())
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	if err == nil {
		k.lastErr = ""
	} else if k.lastErr != err.Error() {
		k.lastErr = err.Error()
		k.observe(failure("", err))
	}
	return err
}

// allowMuting makes silence possible while there are interfaces that need it, before
// the first of them and until after the last.
func (k *vmacKeeper) allowMuting(needed bool) error {
	if k.muting != nil && *k.muting == needed {
		return nil
	}
	err := muteOutput(needed)
	if err == nil {
		k.muting = &needed
	}
	return err
}

// removeUnwanted removes interfaces that nobody wants any more.
func (k *vmacKeeper) removeUnwanted(want []vmac) error {
	var errs []error
	keep := k.record.Links[:0:0]
	for _, name := range k.record.Links {
		wanted := slices.ContainsFunc(want, func(v vmac) bool { return v.name == name })
		if wanted {
			keep = append(keep, name)
			continue
		}
		if err := removeVMAC(name); err != nil {
			errs = append(errs, err)
			keep = append(keep, name)
		}
	}
	if len(keep) != len(k.record.Links) {
		k.record.Links = keep
		errs = append(errs, k.save())
	}
	return errors.Join(errs...)
}

// adapt changes settings of the host that virtual MAC addresses need, and
// restores those that nothing needs any more.
//
// A base interface answers ARP for its own addresses only. The path back to a
// sender leads over the base interface, so strict filtering for all interfaces
// becomes strict filtering for each but ours. Memberships in 224.0.0.0/24 are
// not reported, as no switch needs that.
func (k *vmacKeeper) adapt(want []vmac) error {
	need := make(map[string]string)
	for _, v := range want {
		need["ipv4/conf/"+v.base+"/arp_ignore"] = "1"
		need["ipv4/igmp_link_local_mcast_reports"] = "0"
	}
	strict, err := k.before("ipv4/conf/all/rp_filter")
	errs := []error{err}
	if len(want) > 0 && strict == "1" {
		entries, err := os.ReadDir(settingPath("ipv4/conf"))
		errs = append(errs, err)
		for _, e := range entries {
			isOurs := slices.ContainsFunc(want, func(v vmac) bool { return v.name == e.Name() })
			if name := "ipv4/conf/" + e.Name() + "/rp_filter"; !isOurs {
				if old, err := k.before(name); err == nil && old == "0" {
					need[name] = "1"
				}
			}
		}
		need["ipv4/conf/all/rp_filter"] = "0"
	}
	for _, setting := range slices.Sorted(maps.Keys(need)) {
		errs = append(errs, k.change(setting, need[setting]))
	}
	for _, setting := range slices.Sorted(maps.Keys(k.record.Settings)) {
		if _, needed := need[setting]; !needed {
			errs = append(errs, k.restore(setting))
		}
	}
	return errors.Join(errs...)
}

// before returns a setting as it was before vipd.
func (k *vmacKeeper) before(setting string) (string, error) {
	if old, changed := k.record.Settings[setting]; changed {
		return old, nil
	}
	return readSetting(setting)
}

// change changes a setting after noting what it was.
func (k *vmacKeeper) change(setting, value string) error {
	now, err := readSetting(setting)
	if err != nil || now == "" || now == value {
		return err
	}
	if _, known := k.record.Settings[setting]; !known {
		k.record.Settings[setting] = now
		if err := k.save(); err != nil {
			return err
		}
	}
	return writeSetting(setting, value)
}

func (k *vmacKeeper) restore(setting string) error {
	if err := writeSetting(setting, k.record.Settings[setting]); err != nil {
		return err
	}
	delete(k.record.Settings, setting)
	return k.save()
}

func (k *vmacKeeper) save() error {
	k.record.Boot = k.boot
	return writeJSON(k.path, k.record)
}

// halt stops the keeper.
func (k *vmacKeeper) halt() {
	close(k.stop)
	<-k.ended
}

// clear removes everything that the keeper made, after halt.
func (k *vmacKeeper) clear() error {
	k.set(nil)
	return k.reconcile()
}
