package daemon

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestRoleOutput: what a role writes reaches a log that is no file, once it has
// ended, and at most so much of it.
func TestRoleOutput(t *testing.T) {
	for script, want := range map[string]string{
		"echo why >&2":            "why\n",
		"true":                    "",
		"yes | head -c 100000":    strings.Repeat("y\n", maxRoleOutput/2),
		"echo first; echo second": "first\nsecond\n",
	} {
		var log strings.Builder
		output, err := roleOutput(&log)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.Stdout, cmd.Stderr = output, output
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if tellOutput(&log, output); log.String() != want {
			t.Errorf("%s: %d bytes %.40q, want %d", script, log.Len(), log.String(), len(want))
		}
	}
	if output, err := roleOutput(os.Stderr); output != os.Stderr || err != nil {
		t.Errorf("a service manager sees %v, %v", output.Name(), err)
	}
}
