package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// stateVersion is that of the files in the state directory and of those that one
// life of the daemon leaves to the next. A file of a later one is not read.
const stateVersion = 1

// stateFile is the content of such a file.
type stateFile struct {
	Version int             `json:"version"`
	Content json.RawMessage `json:"content"`
}

// errState is wrapped by the error of a file that cannot be used.
var errState = errors.New("state file cannot be used")

// aside is appended to the name of a file that cannot be used, so that nothing
// overwrites what it says.
const aside = ".unusable"

// readState decodes a state file into v. A file that is not there leaves v as it
// is; so does one that is damaged, cut off or of a later version, which is kept
// under another name and wraps errState.
func readState(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	var f stateFile
	if err = json.Unmarshal(b, &f); err == nil {
		switch {
		case f.Version > stateVersion:
			err = fmt.Errorf("it is of version %d, this vipd knows %d", f.Version, stateVersion)
		case f.Version < 1 || f.Content == nil:
			err = errors.New("it has no version")
		default:
			err = json.Unmarshal(f.Content, v)
		}
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %s, kept as %s: %w", errState, path, filepath.Base(path)+aside, err)
	return errors.Join(err, os.Rename(path, path+aside))
}

// writeState replaces a state file durably: after a crash of the machine it has
// the old content or the new one.
func writeState(path string, v any, mode fs.FileMode) error {
	content, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	b, err := json.MarshalIndent(stateFile{stateVersion, content}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return replaceFile(path, append(b, '\n'), mode)
}

// replaceFile replaces a file in one step and forces it to the disk. What a full
// disk left of the new file is removed.
func replaceFile(path string, b []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	err := writeSynced(tmp, b, mode)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), removeIfThere(tmp))
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
