package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// Variant makes a binary that is a copy of vipd but for some command lines, and
// returns its path. Those are given as the arms of a shell's case over the first
// two words, in which $real is the copy.
func (h *Host) Variant(name, cases string) string {
	h.lab.tb.Helper()
	dir, err := os.MkdirTemp(h.lab.dir, "variant")
	if err != nil {
		h.lab.tb.Fatalf("make variant %s: %v", name, err)
	}
	b, err := os.ReadFile(Binary(h.lab.tb))
	real, path := filepath.Join(dir, "vipd"), filepath.Join(dir, name)
	if err == nil {
		err = os.WriteFile(real, b, 0o755)
	}
	if err == nil {
		script := fmt.Sprintf("#!/bin/sh\nreal=%s\ncase \"$1 $2\" in\n%s\nesac\nexec $real \"$@\"\n", real, cases)
		err = os.WriteFile(path, []byte(script), 0o755)
	}
	if err != nil {
		h.lab.tb.Fatalf("make variant %s: %v", name, err)
	}
	return path
}
