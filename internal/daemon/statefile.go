package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// readState decodes a file of the state directory into v. A file that is not
// there leaves v as it is; a damaged one is an error.
func readState(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s (remove the file to forget what it says): %w", path, err)
	}
	return nil
}

// writeFile replaces a file in one step, so that a crash leaves the old or
// the new content.
func writeFile(path string, b []byte) error { return writeFileMode(path, b, 0o644) }

// writeFileMode is writeFile for content that not everybody may read.
func writeFileMode(path string, b []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}
