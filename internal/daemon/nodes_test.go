package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// togetherCodes are what is told about several files.
var togetherCodes = []string{
	"vrid_clash", "other_interval", "other_auth", "other_addresses", "other_version", "same_priority", "other_preempt", "unreachable_peer",
	"unknown_peer", "weak_weight", "off_subnet", "alone",
}

// nodeText is the file of one of two nodes in keepalived's language.
const nodeText = `vrrp_script web {
  script "/bin/true"
  weight -60
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass secret
  }
  track_script {
    web
  }
  virtual_ipaddress {
    192.0.2.100
  }
}
`

// TestCheckNodes: what keeps the files of two nodes from being one cluster, each
// file well by itself, and which line says it. The second differs from the first
// in its priority and in the words of the case.
func TestCheckNodes(t *testing.T) {
	const lower = "priority 150, priority 100"
	peers := "advert_int 1, advert_int 1\n  unicast_src_ip 192.0.2.2\n  unicast_peer {\n    192.0.2.9\n  }"
	for _, c := range []struct {
		name        string
		both, other string // "old, new" with ";" between them
		want        string
	}{
		{"well", "", lower, ""},
		{"vrid clash", "", lower + "; 192.0.2.100, 192.0.2.200", "error vrid_clash virtual_router_id"},
		{"interval", "", lower + "; advert_int 1, advert_int 2", "error other_interval advert_int"},
		{"password", "", lower + "; secret, other", "error other_auth authentication"},
		{"way of authentication", "", lower + "; PASS, AH", "error other_auth authentication"},
		{"addresses", "", lower + "; 192.0.2.100, 192.0.2.100\n    192.0.2.101", "warning other_addresses virtual_ipaddress"},
		{"version", "authentication {\n    auth_type PASS\n    auth_pass secret\n  }, ", lower + "; advert_int 1, version 3", "error other_version version"},
		{"tie", "", "", "warning same_priority priority"},
		{"preempt", "", lower + "; advert_int 1, advert_int 1\n  nopreempt", "warning other_preempt nopreempt"},
		{"unreachable peer", "", lower + "; " + peers, "error unreachable_peer unicast_peer"},
		{"peers that do not meet", peers, lower + "; 192.0.2.2, 192.0.2.1", "warning unknown_peer unicast_peer, error unreachable_peer unicast_peer, warning unknown_peer unicast_peer, error unreachable_peer unicast_peer"},
		{"weight", "weight -60, weight -10", lower, "warning weak_weight track_script"},
		{"outside of every subnet", "192.0.2.100, 192.0.2.100\n    203.0.113.1", lower, "warning off_subnet virtual_ipaddress"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			first := changed(nodeText, c.both)
			var files []NodeFile
			for name, text := range map[string]string{"lb1": first, "lb2": changed(first, c.other)} {
				file := filepath.Join(dir, name+".conf")
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				files = append(files, NodeFile{name, file})
			}
			slices.SortFunc(files, func(a, b NodeFile) int { return strings.Compare(a.Name, b.Name) })
			diags := CheckNodes(files, "", map[string][]netip.Prefix{"eth0": {netip.MustParsePrefix("192.0.2.0/24")}})
			var told []string
			for _, d := range diags {
				if slices.Contains(togetherCodes, d.Code) {
					told = append(told, d.Severity.String()+" "+d.Code+" "+firstWord(t, d.File, d.Line))
				}
			}
			if got := strings.Join(slices.Compact(told), ", "); got != c.want || diags.HasErrors() != strings.Contains(c.want, "error") {
				t.Errorf("%q, want %q: %v", got, c.want, diags)
			}
		})
	}
}

// firstWord is what a line of a file begins with.
func firstWord(t *testing.T, file string, line int) string {
	t.Helper()
	text, err := os.ReadFile(file)
	lines := strings.Split(string(text), "\n")
	if err != nil || line < 1 || line > len(lines) {
		t.Fatalf("line %d of %s: %v", line, file, err)
	}
	return strings.Fields(lines[line-1] + " ?")[0]
}

// changed replaces words of a text.
func changed(text, edits string) string {
	for edit := range strings.SplitSeq(edits, "; ") {
		if old, words, is := strings.Cut(edit, ", "); is {
			text = strings.ReplaceAll(text, old, words)
		}
	}
	return text
}
