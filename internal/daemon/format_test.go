package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vipd/vipd/conf"
)

// TestFormats: a file is read as what it is, unless another format is named.
func TestFormats(t *testing.T) {
	name := filepath.Join(t.TempDir(), "director.conf")
	if err := os.WriteFile(name, []byte("virtual=192.0.2.10:80\n\treal=192.0.2.21:80 gate\n\tchecktype=connect\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, diags := LoadConfig([]string{name}, "", "")
	if cfg == nil || len(cfg.Services) != 1 || !slices.Equal(cfg.Files, []string{name}) {
		t.Errorf("configuration %+v: %v", cfg, diags)
	}
	if cfg, diags := LoadConfig([]string{name}, conf.FormatHCL, ""); cfg != nil || len(diags) == 0 {
		t.Errorf("read as HCL: %+v", cfg)
	}
	if cfg, diags := LoadConfig([]string{name}, "toml", ""); cfg != nil || len(diags) != 1 || diags[0].Code != "unknown_format" {
		t.Errorf("read as TOML: %v", diags)
	}
	if cfg, diags := LoadConfig([]string{name + ".missing"}, "", ""); cfg != nil || !diags.HasErrors() {
		t.Errorf("a missing file gives %+v, %v", cfg, diags)
	}
}
