package spawn

import (
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"testing"
)

// TestKeepalived_Environment: programs find what the daemon was given, but not
// what the service manager means for the daemon.
func TestKeepalived_Environment(t *testing.T) {
	t.Setenv("SITE", "lab")
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	t.Setenv("PATH", "/opt/bin")
	got := Environment()
	if !slices.Contains(got, "SITE=lab") || !slices.Contains(got, "PATH=/opt/bin") {
		t.Errorf("%q", got)
	}
	if slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") }) {
		t.Errorf("a program could speak for the daemon: %q", got)
	}
	t.Setenv("PATH", "")
	if got := Environment(); !slices.Contains(got, searchPath) {
		t.Errorf("without a PATH: %q", got)
	}
}

// TestUserOfPrograms: the user with all of its groups, or with the group that
// is asked for.
func TestUserOfPrograms(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	all, err := u.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"nobody": u.Gid, "nobody:root": "0"} {
		attributes, err := Attributes(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(attributes.Credential.Groups) != len(all) {
			t.Errorf("%s: groups %v, want %v", name, attributes.Credential.Groups, all)
		}
		cmd := exec.Command("id", "-g")
		cmd.SysProcAttr = attributes
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	for _, name := range []string{"no such user", "nobody:no such group"} {
		if _, err := Attributes(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}
