package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/netns"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// removeTable removes what a checker role has left in the kernel: the services
// that it recorded as ours, but those that stay, and the sync daemons. It must
// not live any more.
func removeTable(runtimeDir string, cfg *conf.Config, how checkerStop) error {
	record := filepath.Join(runtimeDir, tableRecord)
	synced := cfg.Sync != nil && !how.KeepTable
	all := cfg.IPVS.FlushOnStop && !how.KeepTable
	if _, err := os.Stat(record); err != nil && !synced && !all {
		return nil // it has begun nothing
	}
	err := netns.Do(cfg.IPVS.Namespace, func() error {
		client, err := ipvskernel.Open()
		if errors.Is(err, ipvskernel.ErrNoIPVS) {
			return nil
		}
		if err != nil {
			return err
		}
		defer client.Close()
		rec, err := ipvskernel.NewReconciler(client, record)
		if err == nil && all {
			err = rec.TakeAll()
		}
		if err == nil {
			err = how.remove(rec)
		}
		if synced {
			err = errors.Join(err, stopSync(client, cfg.Sync))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove IPVS table: %w", err)
	}
	return nil
}

// stopSync stops the daemons that a configuration makes ours: no others run
// beside them (syncWriter.program).
func stopSync(client *ipvskernel.Client, cfg *ipvs.SyncConfig) error {
	running, err := client.SyncDaemons()
	for _, d := range running {
		if d.Interface == cfg.Interface && d.ID == cfg.ID {
			err = errors.Join(err, client.StopSync(d.State))
		}
	}
	return err
}
