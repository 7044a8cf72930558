package conf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// seeds returns the texts of all examples and all mistakes.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	var out [][]byte
	for _, dir := range []string{"examples", filepath.Join("testdata", "bad")} {
		names, err := filepath.Glob(filepath.Join("..", dir, "*.hcl"))
		if err != nil || len(names) == 0 {
			tb.Fatalf("no seeds in %s: %v", dir, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, text)
		}
	}
	return out
}

// loadBytes loads a text that may include nothing but itself.
func loadBytes(text []byte) (*Config, Diagnostics) {
	o := badOptions()
	o.Read = func(string) ([]byte, error) { return text, nil }
	o.Glob = func(string) ([]string, error) { return nil, nil }
	return Load([]string{"f.hcl"}, o)
}

// FuzzLoad: whatever the input, there is a configuration or an error, never
// both, and every diagnostic is complete and in order.
func FuzzLoad(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, diags := loadBytes(text)
		if (c == nil) != diags.HasErrors() {
			t.Fatalf("configuration is nil: %v, errors: %v", c == nil, diags.HasErrors())
		}
		for i, d := range diags {
			if d.Summary == "" || d.Code == "" || d.Severity == 0 || d.File == "" {
				t.Errorf("incomplete: %+v", d)
			}
			if i > 0 && d.File == diags[i-1].File && d.Line < diags[i-1].Line {
				t.Errorf("not in order: %+v after %+v", d, diags[i-1])
			}
		}
		var out bytes.Buffer
		if err := diags.Write(&out); err != nil {
			t.Fatal(err)
		}
		if c != nil {
			checkModel(t, c)
		}
	})
}

// checkModel holds what the daemon relies on in every configuration that
// loads.
func checkModel(t *testing.T, c *Config) {
	for _, r := range c.Routers {
		if r.ID.VRID == 0 || r.ID.Interface == "" || r.Priority == 0 || r.AdvertInterval <= 0 ||
			r.Version != 2 && r.Version != 3 {
			t.Errorf("router %+v", r)
		}
	}
	for _, s := range c.Services {
		if !s.Key.Address.IsValid() || s.Key.Address.Port() == 0 || s.Scheduler == "" {
			t.Errorf("service %+v", s)
		}
		for _, rs := range s.RealServers {
			if !rs.Address.IsValid() || rs.Address.Port() == 0 {
				t.Errorf("real server %+v", rs)
			}
			for _, check := range s.Checks[rs.Address] {
				if p := check.Validate(); len(p) > 0 {
					t.Errorf("check %+v: %+v", check, p)
				}
			}
		}
	}
}

// TestDeterministic: the same text gives the same configuration and the same
// diagnostics, also when the text is an example with a part cut out.
func TestDeterministic(t *testing.T) {
	all := seeds(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(all).Draw(t, "text")
		if len(text) > 0 {
			from := rapid.IntRange(0, len(text)).Draw(t, "from")
			to := rapid.IntRange(from, min(from+40, len(text))).Draw(t, "to")
			text = append(append([]byte{}, text[:from]...), text[to:]...)
		}
		c1, d1 := loadBytes(text)
		c2, d2 := loadBytes(text)
		if diff := cmp.Diff(d1, d2); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(c1, c2, models...); diff != "" {
			t.Fatal(diff)
		}
	})
}
