package conf

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDetectFormat(t *testing.T) {
	for _, tt := range []struct {
		want Format
		text string
	}{
		{FormatHCL, ""},
		{FormatHCL, "version = 1\n"},
		{FormatHCL, "# a comment\nvrrp_instance \"web\" {\n  interface = \"eth0\"\n}\n"},
		{FormatHCL, "global {\n}\nvirtual_server \"a\" {\n  address = \"192.0.2.1:80\"\n"},
		{FormatHCL, "include = [\"a.hcl\"]\n"},
		{FormatHCL, "noise\n\x00\n"},
		{FormatKeepalived, "! a comment\n"},
		{FormatKeepalived, "global_defs {\n"},
		{FormatKeepalived, "global_defs\n{\n"},
		{FormatKeepalived, "vrrp_instance VI_1 {\n"},
		{FormatKeepalived, "vrrp_instance \"VI 1\" {\n  state MASTER\n"},
		{FormatKeepalived, "# lb\nvirtual_server 192.0.2.1 80 {\n"},
		{FormatKeepalived, "virtual_server fwmark 1 {\n"},
		{FormatKeepalived, "include /etc/keepalived/conf.d/*.conf\n"},
		{FormatKeepalived, "$VIP=192.0.2.1\n"},
		{FormatKeepalived, "@lb1 net_namespace a\n"},
		{FormatLdirectord, "checktimeout=3\n"},
		{FormatLdirectord, "# a comment\n\nvirtual = 192.0.2.1:80\n\treal=192.0.2.2:80 gate\n"},
		{FormatLdirectord, "supervised\nquiescent = yes\n"},
	} {
		if got := DetectFormat([]byte(tt.text)); got != tt.want {
			t.Errorf("%q is %s, want %s", tt.text, got, tt.want)
		}
	}
}

// TestDetectFormatFiles: no shipped example is taken for another format, no
// file of ldirectord for ours.
func TestDetectFormatFiles(t *testing.T) {
	for pattern, want := range map[string]Format{
		"../examples/*.hcl": FormatHCL, "../testdata/ldirectord/*.cf": FormatLdirectord, "../testdata/ldirectord/bad/*.cf": FormatLdirectord,
	} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := DetectFormat(text); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
}
