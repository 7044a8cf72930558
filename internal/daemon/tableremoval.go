package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// removeTable removes the services that a checker role has recorded as ours, but
// those that stay. It must not live any more.
func removeTable(runtimeDir string, how checkerStop) error {
	record := filepath.Join(runtimeDir, tableRecord)
	if _, err := os.Stat(record); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	client, err := ipvskernel.Open()
	if errors.Is(err, ipvskernel.ErrNoIPVS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove IPVS table: %w", err)
	}
	defer client.Close()
	rec, err := ipvskernel.NewReconciler(client, record)
	if err == nil {
		err = how.remove(rec)
	}
	if err != nil {
		return fmt.Errorf("remove IPVS table: %w", err)
	}
	return nil
}
