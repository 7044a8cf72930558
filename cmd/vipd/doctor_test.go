package main

import "testing"

// Every command of the operator of a table is there.
func TestTableCommands(t *testing.T) {
	root := rootCommand(&common{})
	for _, name := range []string{"drain", "undrain", "weight", "verify", "doctor"} {
		if cmd, _, err := root.Find([]string{name}); err != nil || cmd.Name() != name {
			t.Errorf("%s: %v, %v", name, cmd, err)
		}
	}
	if code := execute([]string{"doctor", "--real-server", "nowhere"}); code != exitUsage {
		t.Errorf("doctor of a bad address: exit %d", code)
	}
}
