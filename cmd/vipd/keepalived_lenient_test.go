package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/internal/golden"
)

// slipBlocks are the blocks that slips are made in: what stands before and after
// them, and statements that are there unless the slip has the keyword itself.
var slipBlocks = map[string]struct {
	before string
	usual  []string
	after  string
}{
	"top":    {before: "global_defs {\n enable_script_security\n script_user root\n}\n"},
	"global": {before: "global_defs {\n", usual: []string{"enable_script_security", "script_user root"}, after: "}\n" + slipInstance + "}\n"},
	"instance": {
		before: "global_defs {\n enable_script_security\n script_user root\n}\nvrrp_instance VI {\n",
		usual: []string{
			"state BACKUP", "interface eth0", "virtual_router_id 51", "priority 100", "advert_int 1", "virtual_ipaddress {\n 192.0.2.1/24\n}",
		}, after: "}\n",
	},
	"script": {
		before: "global_defs {\n enable_script_security\n script_user root\n}\nvrrp_script S {\n", usual: []string{"script /bin/true"},
		after: "}\n" + slipInstance + "track_script {\n  S\n}\n}\n",
	},
	"service": {
		before: "global_defs {\n enable_script_security\n script_user root\n}\nvirtual_server 192.0.2.10 80 {\n",
		usual:  []string{"delay_loop 3", "lb_algo rr", "lb_kind NAT", "protocol TCP"},
		after:  "real_server 192.0.2.11 80 {\n weight 1\n TCP_CHECK {\n  connect_timeout 3\n }\n}\n}\n",
	},
	"server": {
		before: "global_defs {\n enable_script_security\n script_user root\n}\n" + slipService, usual: []string{"weight 1"}, after: "}\n}\n",
	},
	"check": {
		before: "global_defs {\n enable_script_security\n script_user root\n}\n" + slipService + "TCP_CHECK {\n",
		usual:  []string{"connect_timeout 3"}, after: "}\n}\n}\n",
	},
}

// Beginnings of a virtual router and of a real server.
const (
	slipInstance = "vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  192.0.2.1/24\n }\n"
	slipService  = "virtual_server 192.0.2.10 80 {\n delay_loop 3\n lb_algo rr\n lb_kind NAT\n protocol TCP\nreal_server 192.0.2.11 80 {\n"
)

// file is the whole configuration with the slip.
func (s slip) file() string {
	b := slipBlocks[s.in]
	keywords := map[string]bool{}
	for line := range strings.SplitSeq(s.text, "\n") {
		keyword, _, _ := strings.Cut(line, " ")
		keywords[keyword] = true
	}
	text := b.before
	for _, u := range b.usual {
		if keyword, _, _ := strings.Cut(u, " "); !keywords[keyword] {
			text += u + "\n"
		}
	}
	return text + s.text + "\n" + b.after
}

// strictness orders exit statuses of -t, the most lenient first; a crash is the
// strictest.
func strictness(status int) int {
	i := slices.Index([]int{0, testInsecure, testRemarks, testFatal}, status)
	if i < 0 {
		return math.MaxInt
	}
	return i
}

// TestKeepalived_AsLenient: a file with a mistake is as usable as for keepalived,
// unless keepalived would then lose an address or do something else than what is
// written. What is remarked on names the keyword, and the nearest that there is.
func TestKeepalived_AsLenient(t *testing.T) {
	theirs := realVerdicts(t, slips)
	for i, s := range slips {
		got, said := ourVerdict(t, s)
		if got != s.ours || !strings.Contains(said, s.says) || s.says == "" && got != 0 {
			t.Errorf("%s: %q: exit status %d, want %d and %q:\n%s", s.in, s.text, got, s.ours, s.says, said)
		}
		if stricter := strictness(s.ours) > strictness(s.theirs); stricter != (s.why != "") {
			t.Errorf("%s: %q: %d here, %d there, because %q", s.in, s.text, s.ours, s.theirs, s.why)
		}
		if theirs != nil && theirs[i] != s.theirs {
			t.Errorf("%s: %q: keepalived exits with %d, not %d", s.in, s.text, theirs[i], s.theirs)
		}
	}
}

// verdictsFile has what keepalived makes of every keyword.
const verdictsFile = "../../testdata/keepalived/verdicts.tsv"

// needed are the keywords without which keepalived leaves an instance out.
var needed = []string{"vrrp_instance", "virtual_router_id"}

// TestKeepalived_EveryKeyword: no keyword, alone or with a value that may be
// wrong, makes us stricter than keepalived, but for those that we refuse and those
// that an instance needs. What keepalived makes of them was recorded; twins ask it
// again.
func TestKeepalived_EveryKeyword(t *testing.T) {
	rejected := map[string]bool{"auth_hmac": true} // keepalived does not have it
	var all []slip
	for _, k := range keepalived.Keywords() {
		in, name, inside := cutLast(k.Path, '/')
		block, known := slipOf[in]
		if !inside {
			block, known = "top", true
		}
		if !known {
			continue
		}
		rejected[name] = rejected[name] || k.Status == keepalived.Rejected
		for _, value := range []string{"", " 1", " x"} {
			all = append(all, slip{in: block, text: name + value})
		}
	}
	var recorded strings.Builder
	want := recordedVerdicts(t)
	var theirs []int
	if os.Getenv("VIPD_LAB_TWINS") != "" || golden.Update() {
		theirs = realVerdicts(t, all)
	}
	for i, s := range all {
		line := s.in + "\t" + s.text
		status, known := want[line]
		if theirs != nil {
			fmt.Fprintf(&recorded, "%s\t%d\n", line, theirs[i])
			status, known = theirs[i], true
		}
		name, _, _ := strings.Cut(s.text, " ")
		got, said := ourVerdict(t, s)
		if stricter := strictness(got) > strictness(status); !known || stricter && !rejected[name] && !slices.Contains(needed, name) {
			t.Errorf("%s: exit status %d, keepalived's is %d (known: %v):\n%s", line, got, status, known, said)
		}
	}
	if theirs != nil {
		golden.Compare(t, verdictsFile, recorded.String())
	}
}

// slipOf are the blocks of slipBlocks by the path of their keyword.
var slipOf = map[string]string{
	"global_defs": "global", "vrrp_instance": "instance", "vrrp_script": "script", "virtual_server": "service",
	"virtual_server/real_server": "server", "virtual_server/real_server/TCP_CHECK": "check",
}

// cutLast is strings.Cut at the last place.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return "", s, false
}

// recordedVerdicts are the exit statuses by block and line.
func recordedVerdicts(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(verdictsFile)
	if err != nil && !golden.Update() {
		t.Fatal(err)
	}
	out := map[string]int{}
	for line := range strings.Lines(string(text)) {
		key, status, _ := cutLast(strings.TrimSpace(line), '\t')
		if out[key], err = strconv.Atoi(status); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// ourVerdict is the exit status of vipd keepalived -t, and what it says.
func ourVerdict(t *testing.T, s slip) (status int, said string) {
	t.Helper()
	dir := t.TempDir()
	file, report := filepath.Join(dir, "keepalived.conf"), filepath.Join(dir, "report")
	if err := os.WriteFile(file, []byte(s.file()), 0o644); err != nil {
		t.Fatal(err)
	}
	status = asKeepalived([]string{"-f", file, "--config-test=" + report})
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(text)
}

// realVerdicts are the exit statuses of keepalived 2.2.7, nil where it is not there.
// It looks for interfaces: those of the files are in a network namespace of its own.
func realVerdicts(t *testing.T, of []slip) []int {
	t.Helper()
	version, err := exec.Command(keepalivedName, "-v").CombinedOutput()
	if err != nil || !strings.Contains(string(version), "v2.2.7") || os.Geteuid() != 0 {
		t.Log("keepalived 2.2.7 is not here: its verdicts are those that were recorded")
		return nil
	}
	dir := t.TempDir()
	for i, s := range of {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.conf", i)), []byte(s.file()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const ask = `ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up
ip addr add 192.0.2.200/24 dev eth0
for f in "$0"/*.conf; do keepalived -t -f "$f" >/dev/null 2>&1; echo $?; done`
	out, err := exec.Command("unshare", "-n", "sh", "-c", ask, dir).Output()
	if err != nil {
		t.Fatalf("run keepalived: %v", err)
	}
	var all []int
	for line := range strings.Lines(string(out)) {
		status, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, status)
	}
	if len(all) != len(of) {
		t.Fatalf("%d verdicts of %d files", len(all), len(of))
	}
	return all
}
