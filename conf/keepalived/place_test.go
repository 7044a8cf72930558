package keepalived

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
)

// TestPlace: where the daemon works and what its files are called.
func TestPlace(t *testing.T) {
	const one, ns = "/run/keepalived", "/run/keepalived/blue"
	for text, want := range map[string]conf.Global{
		"":                                 {},
		"use_pid_dir\n":                    {PIDDir: one},
		"instance a\n":                     {PIDDir: one, Instance: "a"},
		"net_namespace blue\n":             {PIDDir: ns, Namespace: "blue"},
		"net_namespace blue\ninstance a\n": {PIDDir: ns, Namespace: "blue", Instance: "a"},
		"global_defs {\nreload_file\n}\n":  {ReloadFile: "/run/keepalived.reload"},
		"use_pid_dir\nglobal_defs {\nreload_file\n}\n":                           {PIDDir: one, ReloadFile: "/run/keepalived/keepalived.reload"},
		"global_defs {\nreload_file /x\n}\n":                                     {ReloadFile: "/x"},
		"global_defs {\nreload_file x\nreload_time_file x\nreload_repeat\n}\n":   {},
		"global_defs {\nreload_time_file /x\nreload_repeat\nreload_file /y\n}\n": {ReloadFile: "/y", Schedule: conf.Schedule{File: "/x", Repeat: true}},
	} {
		c, _ := loadText(t, text+instanceAround(""))
		g := c.Global
		got := conf.Global{Namespace: g.Namespace, PIDDir: g.PIDDir, Instance: g.Instance, ReloadFile: g.ReloadFile, Schedule: g.Schedule}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestTableNamespace: that of the virtual servers is another one than the checks'.
func TestTableNamespace(t *testing.T) {
	for text, want := range map[string]string{"": "", "net_namespace blue\n": "", "net_namespace_ipvs red\n": "red", "net_namespace_ipvs\n": "/proc/1/ns/net"} {
		if got := usable(t, text+serviceWith("TCP_CHECK {\n}")).IPVS.Namespace; got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestNamedDumps: daemons of one machine do not write each other's files.
func TestNamedDumps(t *testing.T) {
	for text, want := range map[string][3]string{
		"instance a\n":                                                          {"/tmp/keepalived.data", "/tmp/keepalived_check.data", "/tmp/keepalived_parent.data"},
		"global_defs {\ndata_use_instance\n}\n":                                 {"/tmp/keepalived.data", "/tmp/keepalived_check.data", "/tmp/keepalived_parent.data"},
		"instance a\nglobal_defs {\ndata_use_instance\n}\n":                     {"/tmp/keepalived.a.data", "/tmp/keepalived_check.a.data", "/tmp/keepalived_parent.a.data"},
		"net_namespace n\ninstance a\nglobal_defs {\ndata_use_instance\n}\n":    {"/tmp/keepalived.n_a.data", "/tmp/keepalived_check.n_a.data", "/tmp/keepalived_parent.n_a.data"},
		"instance a\nglobal_defs {\ndata_use_instance\nstate_dump_file /x\n}\n": {"/x", "/x_check", "/x_parent"},
	} {
		d := usable(t, text+instanceAround("")).Global.Dump
		if got := [3]string{d.Data, d.Checkers, d.Parent}; got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
