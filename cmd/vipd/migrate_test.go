package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf"
)

const directorFile = `checkinterval = 5
logfile = "local0"
virtual = 192.0.2.10:80
	real = 192.0.2.21:80 gate
	checktype = connect
`

// migrate runs the command and returns its output and exit code.
func migrate(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"migrate"}, args...))
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.Execute()
	if exit, ok := err.(*exitError); ok {
		return out.String(), errs.String() + exit.Error(), exit.code
	}
	if err != nil {
		return out.String(), errs.String() + err.Error(), exitUsage
	}
	return out.String(), errs.String(), 0
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "director.cf"), filepath.Join(dir, "vipd.hcl")
	if err := os.WriteFile(in, []byte(directorFile), 0o644); err != nil {
		t.Fatal(err)
	}
	text, report, code := migrate(t, in)
	if code != 0 || !strings.Contains(text, "# director.cf:3\nvirtual_server \"192.0.2.10-80\"") || !strings.Contains(report, "director.cf:2: note") || !strings.Contains(report, "0 warnings, 1 notes") {
		t.Errorf("exit %d\n%s\n%s", code, text, report)
	}

	written, report, code := migrate(t, in, "-o", out)
	file, err := os.ReadFile(out)
	if err != nil || code != 0 || written != "" || string(file) != text || !strings.Contains(report, "next: vipd check "+out) {
		t.Errorf("exit %d, %v\n%s\n%s\n%s", code, err, written, report, file)
	}
	if _, report, code = migrate(t, in, "-o", out); code != exitUsage || !strings.Contains(report, "exists") {
		t.Errorf("an existing file is overwritten: exit %d, %s", code, report)
	}
}

func TestMigrateJSON(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "director.cf")
	for _, tt := range []struct {
		text string
		code int
	}{{directorFile, 0}, {"virtual = 192.0.2.10\n", exitProblem}} {
		if err := os.WriteFile(in, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _, code := migrate(t, in, "--json")
		var m migration
		if err := json.Unmarshal([]byte(out), &m); err != nil {
			t.Fatal(err)
		}
		if code != tt.code || m.OK != (code == 0) || m.Diagnostics.HasErrors() == m.OK || (m.HCL == "") == m.OK {
			t.Errorf("exit %d, %+v", code, m)
		}
	}
	if _, _, code := migrate(t, in+".missing"); code != exitUsage {
		t.Errorf("a missing file: exit %d", code)
	}
	if _, _, code := migrate(t); code != exitUsage {
		t.Errorf("no file: exit %d", code)
	}
	const instance = "vrrp_instance VI_1 {\n  interface eth0\n  virtual_router_id 51\n  priority 150\n  virtual_ipaddress {\n    192.0.2.10/24\n  }\n}\n"
	if err := os.WriteFile(in, []byte(instance), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, report, code := migrate(t, in, "--format", string(conf.FormatKeepalived)); code != 0 || !strings.Contains(out, "vrrp_instance \"VI_1\"") {
		t.Errorf("keepalived.conf: exit %d, %s\n%s", code, report, out)
	}
}
