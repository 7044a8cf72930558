package keepalived

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/golden"
	"github.com/vipd/vipd/vrrp"
)

func remarks(t *testing.T, d conf.Diagnostics) string {
	t.Helper()
	var b strings.Builder
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBad compares all that is said about every file of testdata, one file per
// mistake, with the text beside it.
func TestBad(t *testing.T) {
	t.Chdir(filepath.Join(testdata, "bad"))
	names, err := filepath.Glob("*.conf")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".conf"), func(t *testing.T) {
			c, diags := Load([]string{name}, outside())
			if (c == nil) != diags.HasErrors() {
				t.Errorf("configuration is nil: %v, errors: %v", c == nil, diags.HasErrors())
			}
			if len(diags) == 0 {
				t.Error("nothing is wrong with the file")
			}
			golden.Compare(t, strings.TrimSuffix(name, ".conf")+".txt", remarks(t, diags))
		})
	}
}

// TestModel compares the whole model of a file that uses most of the language,
// for either director.
func TestModel(t *testing.T) {
	t.Chdir(testdata)
	for _, host := range []string{"lb1", "lb2"} {
		o := outside()
		o.Hostname = host
		c, diags := Load([]string{"pair.conf"}, o)
		if len(diags) > 0 || c == nil {
			t.Fatalf("%s", remarks(t, diags))
		}
		golden.Compare(t, "pair."+host+".json", written(t, c))
	}
}

// written is a model as JSON, without what is zero.
func written(t *testing.T, c *conf.Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	if text, err = json.MarshalIndent(prune(tree), "", "  "); err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// prune removes what is zero or empty from decoded JSON; nil when that is all.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if v[name] = prune(x); v[name] == nil {
				delete(v, name)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// read loads a text and expects no error.
func read(t *testing.T, text string) *conf.Config {
	t.Helper()
	o := outside()
	o.Read = func(string) ([]byte, error) { return []byte(text), nil }
	c, diags := Load([]string{"keepalived.conf"}, o)
	if c == nil {
		t.Fatalf("%s", remarks(t, diags))
	}
	return c
}

const minimal = "vrrp_instance a {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.1 }\n%s}\n"

// TestDefaults are those of keepalived.
func TestDefaults(t *testing.T) {
	want := vrrp.Config{
		Name: "a", ID: vrrp.RouterID{Interface: "eth0", Family: vrrp.IPv4, VRID: 5}, Version: 2, Priority: 100,
		AdvertInterval: time.Second, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Preempt: true,
		HandOver: vrrp.HandOverGraceful, Announce: vrrp.Announce{Repeat: 5, Delay: 5 * time.Second},
	}
	got := read(t, fmt.Sprintf(minimal, "")).Routers[0]
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKeepalivedInstance compares single settings.
func TestKeepalivedInstance(t *testing.T) {
	tests := []struct {
		text string
		get  func(*vrrp.Config) any
		want any
	}{
		{"priority 0x64", func(c *vrrp.Config) any { return c.Priority }, uint8(100)},
		{"priority 300", func(c *vrrp.Config) any { return c.Priority }, uint8(100)},
		{"nopreempt", func(c *vrrp.Config) any { return c.Preempt }, false},
		{"nopreempt\nstate MASTER", func(c *vrrp.Config) any { return c.Preempt }, true},
		{"version 3\nadvert_int 0.05", func(c *vrrp.Config) any { return c.AdvertInterval }, 50 * time.Millisecond},
		{"advert_int 0.05", func(c *vrrp.Config) any { return c.AdvertInterval }, time.Second},
		{"advert_int 1000", func(c *vrrp.Config) any { return c.AdvertInterval }, 255 * time.Second},
		{"garp_master_delay 0", func(c *vrrp.Config) any { return c.Announce.Delay }, time.Duration(0)},
		{"use_vmac", func(c *vrrp.Config) any { return c.VMAC }, vrrp.VMAC{Name: "vrrp.5"}},
		{"use_vmac vip0\nvmac_xmit_base", func(c *vrrp.Config) any { return c.VMAC }, vrrp.VMAC{Name: "vip0", FromBase: true}},
		{"unicast_peer { 192.0.2.9 min_ttl 250 }", func(c *vrrp.Config) any { return c.Delivery.CheckSource }, true},
		{"authentication { auth_type AH\nauth_pass 123456789 }", func(c *vrrp.Config) any { return string(c.Auth.Key) }, "12345678"},
		{"version 3\nauthentication { auth_type PASS\nauth_pass x }", func(c *vrrp.Config) any { return c.Auth.Type }, vrrp.AuthNone},
		{"down_timer_adverts 5", func(c *vrrp.Config) any { return c.DownAdverts }, uint8(5)},
		{"no_accept", func(c *vrrp.Config) any { return c.NoAccept }, true},
		{"mcast_dst_ip 224.0.0.18", func(c *vrrp.Config) any { return c.Delivery.Group.IsValid() }, false},
	}
	for _, tt := range tests {
		c := read(t, fmt.Sprintf(minimal, tt.text+"\n")).Routers[0]
		if got := tt.get(&c); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.text, got, tt.want)
		}
	}
}

// TestKeepalived_VMACNames: firewalls know the interfaces by these names.
func TestKeepalived_VMACNames(t *testing.T) {
	text := ""
	for i, addr := range []string{"192.0.2.100/24", "2001:db8::100/64", "198.51.100.100/24", "2001:db8:1::100/64"} {
		text += fmt.Sprintf("vrrp_instance n%d {\n  interface eth%d\n  use_vmac\n  virtual_router_id 51\n  virtual_ipaddress {\n    %s\n  }\n}\n", i, i/2, addr)
	}
	o := outside()
	o.Read = func(string) ([]byte, error) { return []byte(text), nil }
	cfg, diags := Load([]string{"keepalived.conf"}, o)
	if cfg == nil {
		t.Fatal(diags)
	}
	var names []string
	for _, c := range cfg.Routers {
		names = append(names, c.VMAC.Name)
	}
	if want := []string{"vrrp.51", "vrrp6.51", "vrrp1.51", "vrrp2.51"}; !slices.Equal(names, want) {
		t.Errorf("interfaces %q, want %q", names, want)
	}
}
