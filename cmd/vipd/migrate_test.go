package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	return invoke(t, append([]string{"migrate"}, args...)...)
}

// invoke runs a command line and returns its output and exit code.
func invoke(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := rootCommand(&common{})
	root.SetArgs(args)
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
	in, out := filepath.Join(dir, "director.cf"), filepath.Join(dir, "etc", "vipd", "vipd.hcl")
	if err := os.WriteFile(in, []byte(directorFile), 0o644); err != nil {
		t.Fatal(err)
	}
	text, report, code := migrate(t, in)
	if code != 0 || !strings.Contains(text, "# director.cf:3\nvirtual_server \"192.0.2.10-80\"") || !strings.Contains(report, "director.cf:2: note") || !strings.Contains(report, "0 warnings, 1 notes") ||
		!strings.Contains(report, "carried over: 1 check, 1 real_server, 1 virtual_server\n") || !strings.Contains(report, "next: vipd migrate "+in+" -o ") {
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

// TestMigrateElsewhere: on another machine the programs of the file need not
// exist; where the file is used they are left out as keepalived does.
func TestMigrateElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	text := strings.ReplaceAll(fmt.Sprintf(keepalivedPair, -20, 150), "/bin/true", "/opt/nowhere/check")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	here, report, _ := migrate(t, file)
	if strings.Contains(here, "/opt/nowhere/check") || !strings.Contains(report, "vipd migrate --elsewhere") {
		t.Errorf("here:\n%s\n%s", here, report)
	}
	there, report, code := migrate(t, "--elsewhere", file)
	if code != 0 || !strings.Contains(there, `["/opt/nowhere/check"]`) || strings.Contains(report, ": warning") {
		t.Errorf("elsewhere: exit %d\n%s\n%s", code, there, report)
	}
	both, report, code := migrate(t, "--elsewhere", "lb1="+file, "lb2="+file)
	if code != 0 || !strings.Contains(both, `["/opt/nowhere/check"]`) {
		t.Errorf("two nodes elsewhere: exit %d\n%s\n%s", code, both, report)
	}
}

// farmConf has checks that are the same again and again.
const farmConf = `virtual_server 192.0.2.10 80 {
  delay_loop 6
  lb_kind DR
  protocol TCP
  real_server 192.0.2.21 80 {
    inhibit_on_failure
    TCP_CHECK {
      connect_timeout 3
    }
  }
  real_server 192.0.2.22 80 {
    inhibit_on_failure
    TCP_CHECK {
      connect_timeout 3
    }
  }
}
virtual_server 192.0.2.11 80 {
  delay_loop 6
  lb_kind DR
  protocol TCP
  real_server 192.0.2.21 80 {
    TCP_CHECK {
      connect_timeout 3
    }
  }
}
virtual_server 192.0.2.12 80 {
  delay_loop 6
  lb_kind DR
  protocol TCP
  real_server 192.0.2.31 80 {
    HTTP_GET {
      url {
        path /blue
        status_code 200
      }
    }
  }
  real_server 192.0.2.32 80 {
    HTTP_GET {
      url {
        path /green
        status_code 200
      }
    }
  }
}
`

// farmHCL is what a person would write.
const farmHCL = `# farm.conf:7
check "tcp" "tcp" {
  interval       = "6s"
  retry_interval = "1s"
  warmup         = "6s"
}

# farm.conf:1
virtual_server "192.0.2.10_80" {
  address = "192.0.2.10:80"
  forward = "direct"
  checks  = ["tcp"]

  real_server "192.0.2.21:80" {} # farm.conf:5
  real_server "192.0.2.22:80" {} # farm.conf:11
}

# farm.conf:18
virtual_server "192.0.2.11_80" {
  address   = "192.0.2.11:80"
  forward   = "direct"
  quiescent = false
  checks    = ["tcp"]

  real_server "192.0.2.21:80" {} # farm.conf:22
}

# farm.conf:28
virtual_server "192.0.2.12_80" {
  address   = "192.0.2.12:80"
  forward   = "direct"
  quiescent = false

  check_defaults "http" {
    interval       = "6s"
    timeout        = "5s"
    retry_interval = "3s"
    warmup         = "6s"
    headers        = ["User-Agent: KeepAliveClient"]
    status         = "200"
    version        = "1.0"
  }

  # farm.conf:32
  real_server "192.0.2.31:80" {
    # farm.conf:33
    check "http" {
      path = "/blue"
    }
  }

  # farm.conf:40
  real_server "192.0.2.32:80" {
    # farm.conf:41
    check "http" {
      path = "/green"
    }
  }
}
`

// TestMigrateSaysThingsOnce: what is repeated in the file is said once, and every
// block says where it comes from.
func TestMigrateSaysThingsOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "farm.conf")
	if err := os.WriteFile(file, []byte(farmConf), 0o644); err != nil {
		t.Fatal(err)
	}
	text, report, code := migrate(t, file)
	_, services, _ := strings.Cut(text, "}\n\n# farm") // the daemon's own settings come first
	if diff := cmp.Diff(farmHCL, "# farm"+services); diff != "" || code != 0 {
		t.Errorf("exit %d, %s (-want +got):\n%s", code, report, diff)
	}
	both, report, code := migrate(t, "lb1="+file, "lb2="+file)
	if code != 0 || !strings.HasSuffix(both, farmHCL) {
		t.Errorf("two nodes: exit %d, %s\n%s", code, report, both)
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

// keepalivedPair is the configuration of one of two nodes.
const keepalivedPair = `vrrp_script web {
  script "/bin/true"
  weight %d
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority %d
  track_script {
    web
  }
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`

// nodeFiles writes the files of two nodes and returns arguments for both.
func nodeFiles(t *testing.T, weight, other int) []string {
	t.Helper()
	dir := t.TempDir()
	var args []string
	for i, priority := range []int{150, other} {
		name := filepath.Join(dir, fmt.Sprintf("%d.conf", i))
		if err := os.WriteFile(name, fmt.Appendf(nil, keepalivedPair, weight, priority), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, fmt.Sprintf("lb%d=%s", i+1, name))
	}
	return args
}

func TestMigrateNodes(t *testing.T) {
	text, report, code := migrate(t, append(nodeFiles(t, -60, 100), "--report", "json")...)
	var m migration
	if err := json.Unmarshal([]byte(report), &m); err != nil || !m.OK || m.HCL != "" || code != 0 {
		t.Errorf("exit %d, report %+v, %v", code, m, err)
	}
	for _, want := range []string{
		"director \"lb1\" {\n  priority = 150\n}", "director \"lb2\" {\n  priority = 100\n}",
		".conf:5\nvrrp_instance \"web\" {", ".conf:1\ntrack_script \"web\" {",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if _, _, code := migrate(t, append(nodeFiles(t, -60, 100), "--report", "xml")...); code != exitUsage {
		t.Errorf("--report xml: exit %d", code)
	}
}

// TestMigrateUnevenNodes: an instance that one node has alone is told apart and
// keeps its line; what most instances of a node have is said of the director.
func TestMigrateUnevenNodes(t *testing.T) {
	dir := t.TempDir()
	const instance = "vrrp_instance %s {\n  interface eth0\n  virtual_router_id %d\n  priority %d\n  notify_master_rx_lower_pri /opt/nowhere/told\n  virtual_ipaddress {\n    192.0.2.%d/24\n  }\n}\n"
	var args []string
	for name, text := range map[string]string{
		"lb1": fmt.Sprintf(instance, "web", 51, 150, 10) + fmt.Sprintf(instance, "dns", 52, 150, 11) + fmt.Sprintf(instance, "own", 53, 90, 12),
		"lb2": fmt.Sprintf(instance, "web", 51, 100, 10) + fmt.Sprintf(instance, "dns", 52, 100, 11),
	} {
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name+"="+file)
	}
	slices.Sort(args)
	text, report, code := migrate(t, args...)
	for _, want := range []string{
		"director \"lb1\" {\n  priority = 150\n}", "director \"lb2\" {\n  priority = 100\n}", "# lb1.conf:19\ndynamic \"vrrp_instance\" {", "    priority        = 90\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if code != 0 || strings.Count(text, "priority ") != 3 || !strings.Contains(report, "3 vrrp_instance") {
		t.Errorf("exit %d\n%s\n%s", code, report, text)
	}
}

func TestCheckNodes(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want int
		says string
	}{
		{"well", nodeFiles(t, -60, 100), 0, ""},
		{"weak weight", nodeFiles(t, -10, 100), 0, "weak_weight"},
		{"unreadable", []string{"lb1=/nonexistent.conf", "lb2=/nonexistent.conf"}, exitUsage, conf.CodeUnreadable},
	} {
		var out bytes.Buffer
		root := rootCommand(&common{})
		root.SetArgs(append([]string{"check", "--json"}, test.args...))
		root.SetOut(&out)
		code := 0
		if exit, is := root.Execute().(*exitError); is {
			code = exit.code
		}
		if code != test.want || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: exit %d\n%s", test.name, code, out.String())
		}
	}
}

// TestCheckTellsLeases: what follows from a file without being written in it is
// said, and is no problem.
func TestCheckTellsLeases(t *testing.T) {
	out, _, code := invoke(t, "check", "--json", "-f", "../../examples/two-directors.hcl", "--director", "lb1")
	var found checkResult
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 || !found.OK {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	var said []string
	for _, d := range found.Diagnostics {
		if d.Code == "lease" && d.Severity == conf.Note {
			said = append(said, d.Summary)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "lease mode heal, because the configuration names 2 directors") {
		t.Errorf("said of leases: %q", said)
	}
}
