package conf

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sameModel compares models without their positions.
var sameModel = append(slices.Clone(models), cmpopts.IgnoreFields(Config{}, "Files"))

// readBack reads a text as a director.
func readBack(t *testing.T, text []byte, director string) *Config {
	t.Helper()
	o := memory{"written.hcl": string(text)}.options()
	o.Director = director
	c, diags := Load([]string{"written.hcl"}, o)
	if c == nil {
		t.Fatalf("%s\n%s", said(t, diags), text)
	}
	return c
}

func said(t *testing.T, d Diagnostics) string { return text(t, d) }

// samples are files that together use every key of the language.
func samples(t *testing.T) map[string]*Config {
	t.Helper()
	out := map[string]*Config{}
	for _, pattern := range []string{"../examples/*.hcl", "../testdata/write/*.hcl"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			o := memory{name: string(raw)}.options()
			c, diags := Load([]string{name}, o)
			if c == nil {
				t.Fatal(said(t, diags))
			}
			out[filepath.Base(name)] = c
		}
	}
	return out
}

// TestWrite: what is written means what it was made of.
func TestWrite(t *testing.T) {
	for name, c := range samples(t) {
		t.Run(name, func(t *testing.T) {
			text := Write([]Node{{c.Director, c}})
			if diff := cmp.Diff(c, readBack(t, text, c.Director), sameModel...); diff != "" {
				t.Errorf("read back (-want +got):\n%s\n%s", diff, text)
			}
			for range 8 {
				if diff := cmp.Diff(string(text), string(Write([]Node{{c.Director, c}}))); diff != "" {
					t.Fatalf("another time it is written in another way:\n%s", diff)
				}
			}
		})
	}
}

// unwritten are keys that no model needs: it is said in another way.
var unwritten = map[string]string{
	"vrrp_instance unicast": "the block unicast says it",
	"auth file":             "the key itself is written",
	"key file":              "the key itself is written",
}

// TestWriteKnowsEveryKey fails when a key of the language cannot be written:
// write it in the file write_….go of its block and use it in testdata/write.
func TestWriteKnowsEveryKey(t *testing.T) {
	have := map[string]bool{}
	var walk func(b *Block)
	walk = func(b *Block) {
		for _, a := range b.Attrs {
			have[b.Type+" "+a.Name] = true
		}
		have[b.Type] = true
		if len(b.Labels) > 0 {
			have[b.Type+":"+b.Labels[0]] = true
		}
		for _, k := range b.Blocks {
			walk(k)
		}
	}
	for _, c := range samples(t) {
		d := Compose([]Node{{c.Director, c}})
		d.shareDefaults()
		for _, b := range d.Blocks {
			walk(b)
		}
	}
	need := func(key string) {
		if unwritten[key] == "" && !have[key] {
			t.Errorf("%s is not written", key)
		}
	}
	var visit func(b *block)
	visit = func(b *block) {
		if b.free {
			return
		}
		need(b.name)
		if b == checkDefaultsBlock {
			return // it has what checks have
		}
		for _, a := range b.attrs {
			need(b.name + " " + a.name)
		}
		for _, v := range b.byLabel {
			need(b.name + ":" + v.label)
			for _, a := range v.attrs {
				need(b.name + " " + a.name)
			}
		}
		for _, k := range b.blocks {
			visit(k)
		}
	}
	for _, b := range rootBlock.blocks {
		visit(b)
	}
}

// TestWriteNodes: one file for several nodes gives each its own.
func TestWriteNodes(t *testing.T) {
	all := samples(t)
	names := slices.Sorted(maps.Keys(all))
	for i, a := range names {
		b := names[(i+1)%len(names)]
		if len(all[a].Directors)+len(all[b].Directors) > 0 {
			continue
		}
		text := Write([]Node{{"node-a", all[a]}, {"b", all[b]}})
		for node, want := range map[string]*Config{"node-a": all[a], "b": all[b]} {
			got := readBack(t, text, node)
			if got.Director != node || len(got.Directors) != 2 {
				t.Errorf("director %q of %v", got.Director, got.Directors)
			}
			got.Director, got.Directors = "", nil
			one := *want
			one.Routers = slices.Clone(want.Routers)
			for i := range one.Routers {
				one.Routers[i].Peers = true
			}
			if diff := cmp.Diff(&one, got, sameModel...); diff != "" {
				t.Errorf("%s and %s as %s (-want +got):\n%s\n%s", a, b, node, diff, text)
			}
		}
	}
}
