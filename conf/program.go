package conf

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// HasAccount tells whether this machine knows a user, and the group in
// "USER:GROUP".
func HasAccount(name string) bool {
	name, group, _ := strings.Cut(name, ":")
	_, err := user.Lookup(name)
	if err == nil && group != "" {
		_, err = user.LookupGroup(group)
	}
	return err == nil
}

// CheckProgram tells why a program will not run, or must not because somebody
// else than root and its runner could change what it does: a file or directory
// on the way to it that group or others may write to, or that belongs to
// another user.
func CheckProgram(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("program %s does not exist", path)
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return fmt.Errorf("look at program %s: %w", path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("program %s is not a file", path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("program %s is not executable", path)
	}
	for p := real; ; p = filepath.Dir(p) {
		if err := safe(p); err != nil {
			return fmt.Errorf("program %s is not safe: %w", path, err)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// safe tells who else could change a file or the names in a directory. In a
// sticky directory nobody can replace what belongs to others.
func safe(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", path, st.Uid)
	}
	sticky := info.IsDir() && info.Mode()&os.ModeSticky != 0
	if info.Mode()&0o022 != 0 && !sticky && !(st.Gid == 0 && info.Mode()&0o002 == 0) {
		return fmt.Errorf("others may write to %s (mode %#o)", path, info.Mode().Perm())
	}
	return nil
}
