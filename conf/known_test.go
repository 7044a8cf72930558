package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/conf/conftest"
)

// knownBlocks are blocks of which one may depend on another, on the world
// outside, or on nothing; $ is a number.
var knownBlocks = []string{
	"locals {\n  port = $\n}\n",
	"check \"tcp\" \"alive\" {\n  interval = \"$s\"\n  timeout = \"1s\"\n}\n",
	"check \"tcp\" \"other\" {\n  depends_on = \"alive\"\n}\n",
	"virtual_server \"plain\" {\n  address = \"192.0.2.1:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  real_server \"10.0.0.1\" { weight = $ }\n}\n",
	"virtual_server \"twin\" {\n  address = \"192.0.2.1:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  real_server \"10.0.0.1\" { weight = $ }\n}\n",
	"virtual_server \"named\" {\n  address = \"192.0.2.2:80\"\n  forward = \"masquerade\"\n  checks = [\"alive\"]\n  real_server \"10.0.0.$\" {}\n}\n",
	"virtual_server \"local\" {\n  address = \"192.0.2.3:8$\"\n  forward = \"masquerade\"\n  check \"tcp\" { port = local.port }\n  real_server \"10.0.0.1:80\" {}\n}\n",
	"virtual_server \"env\" {\n  address = \"192.0.2.4:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  real_server \"10.0.0.1\" { weight = tonumber(env(\"WEIGHT\")) }\n}\n",
	"virtual_server \"host\" {\n  address = \"192.0.2.5:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  real_server \"web$\" {}\n}\n",
	"virtual_server \"unchecked\" {\n  address = \"192.0.2.6:80\"\n  forward = \"direct\"\n  real_server \"10.0.0.$\" {}\n}\n",
	"virtual_server \"program\" {\n  address = \"192.0.2.7:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  quorum {\n    on_up = [\"/bin/up\"]\n  }\n  real_server \"10.0.0.$\" {}\n}\n",
	"virtual_server \"script\" {\n  fwmark = $\n  forward = \"tunnel\"\n  check \"script\" {\n    command = [\"/bin/check\", \"{service}\"]\n  }\n  real_server \"10.0.0.1\" {}\n}\n",
	"virtual_server \"many\" {\n  address = \"192.0.2.8:80\"\n  forward = \"direct\"\n  check \"tcp\" {}\n  dynamic \"real_server\" {\n    for_each = range($)\n    labels = [\"10.0.1.${real_server.key}\"]\n    content {}\n  }\n}\n",
	"virtual_server \"flat\" {\naddress = \"192.0.2.9:80\"\nforward = \"direct\"\ncheck \"tcp\" {\n}\nreal_server \"10.0.0.$\" {\n}\n}\n",
	"connection_sync {\n  interface = \"eth0\"\n}\n",
	"virtual_server \"mixed\" {\n  address = \"192.0.2.10:80\"\n  forward = \"tunnel\"\n  check \"tcp\" {}\n  real_server \"2001:db8::$\" {}\n}\n",
	"# $\n", "\n", "  \n",
}

// changingWorld is what a load may ask for outside of the files.
type changingWorld struct {
	weight string
	host   netip.Addr
	broken bool // programs
}

func (w *changingWorld) options(text string, known *Known) Options {
	return Options{
		Hostname: "lb1", Known: known,
		Env:     func(string) (string, bool) { return w.weight, true },
		Read:    func(string) ([]byte, error) { return []byte(text), nil },
		Glob:    func(string) ([]string, error) { return nil, nil },
		Resolve: func(string) ([]netip.Addr, error) { return []netip.Addr{w.host}, nil },
		Program: func(string) error {
			if w.broken {
				return errors.New("it is broken")
			}
			return nil
		},
	}
}

// alike fails unless a load that goes on from earlier ones gives exactly what a
// load by itself gives.
func (w *changingWorld) alike(t rapid.TB, text string, known *Known) {
	t.Helper()
	want, wantDiags := Load([]string{"f"}, w.options(text, nil))
	got, diags := Load([]string{"f"}, w.options(text, known))
	if diff := cmp.Diff(wantDiags, diags); diff != "" {
		t.Fatalf("what is said (-alone +known):\n%s\n%s", diff, text)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("configuration\n got %+v\nwant %+v\n%s", got, want, text)
	}
}

// TestKnown: after any loads, with mistakes among them and a world that changes,
// a load gives what it gives by itself.
func TestKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var known Known
		block, number := rapid.SampledFrom(knownBlocks), rapid.SampledFrom([]string{"1", "2", "3"})
		blocks := append(knownBlocks[:3:3], rapid.SliceOfN(block, 3, 12).Draw(t, "blocks")...)
		numbers := rapid.SliceOfN(number, 20, 20).Draw(t, "numbers") // of the blocks, by their place
		w := &changingWorld{weight: "1", host: netip.MustParseAddr("10.0.9.1")}
		for range rapid.IntRange(2, 6).Draw(t, "loads") {
			text := "version = 1\n"
			for i, b := range blocks {
				text += strings.ReplaceAll(b, "$", numbers[i])
			}
			if rapid.IntRange(0, 4).Draw(t, "accident") == 0 {
				text = conftest.Damaged(text, rapid.Uint64().Draw(t, "seed"), 1)[0]
			}
			w.alike(t, text, &known)
			switch i := rapid.IntRange(0, len(blocks)-1).Draw(t, "where"); rapid.IntRange(0, 8).Draw(t, "change") {
			case 0:
				w.weight = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "weight")
			case 1:
				w.host = rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("10.0.9.1"), netip.MustParseAddr("10.0.9.2")}).Draw(t, "host")
			case 2:
				w.broken = !w.broken
			case 3:
				blocks = append(blocks[:i:i], blocks[i+1:]...)
			case 4:
				blocks[i] = block.Draw(t, "instead")
			case 5:
				blocks = append(blocks[:i:i], append([]string{block.Draw(t, "more")}, blocks[i:]...)...)
			case 6, 7:
				numbers[i] = number.Draw(t, "another number")
			case 8:
				numbers[0] = number.Draw(t, "another local")
			}
			if len(blocks) == 0 {
				return
			}
		}
	})
}

// TestKnownOfSamples: every sample file, after every other one.
func TestKnownOfSamples(t *testing.T) {
	var known Known
	w := &changingWorld{weight: "1", host: netip.MustParseAddr("10.0.9.1")}
	for _, text := range seeds(t) {
		w.alike(t, string(text), &known)
	}
}

// TestKnownIsTaken: what did not change is not built again, wherever the change
// is, and what was built is remembered through a load that fails.
func TestKnownIsTaken(t *testing.T) {
	servers := func(weight int) string {
		var b strings.Builder
		for i := range 20 {
			w := 1
			if i == 7 {
				w = weight
			}
			fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = \"192.0.2.%d:80\"\n  forward = \"direct\"\n  checks = [\"alive\"]\n  real_server \"10.0.0.1\" { weight = %d }\n}\n", i, i+1, w)
		}
		return b.String()
	}
	const top = "version = 1\nlocals {\n  a = 1\n}\ncheck \"tcp\" \"alive\" {\n}\n"
	w, known := &changingWorld{}, &Known{}
	before, diags := Load([]string{"f"}, w.options(top+servers(1), known))
	if before == nil {
		t.Fatal(diags)
	}
	for _, tt := range []struct {
		name, text string
		same       int // virtual servers
	}{
		{"the same", top + servers(1), 20},
		{"a comment on top", "# A comment.\n" + top + servers(1), 20},
		{"a comment at the end", top + servers(1) + "# A comment.\n", 20},
		{"one weight", top + servers(17), 19},
		{"a mistake", top + "x {\n}\n" + servers(1), -1},
		{"after a mistake", top + servers(17), 20},
		{"another check", strings.Replace(top, "{\n}", "{\n  timeout = \"2s\"\n}", 1) + servers(17), 0},
		{"the first check", top + servers(17), 0},
		{"another local", strings.Replace(top, "a = 1", "a = 2", 1) + servers(17), 0},
	} {
		now, diags := Load([]string{"f"}, w.options(tt.text, known))
		if tt.same < 0 {
			if now != nil {
				t.Errorf("%s: no error", tt.name)
			}
			continue
		}
		if now == nil {
			t.Fatal(tt.name, diags)
		}
		same := 0
		for i := range now.Services {
			if &now.Services[i].RealServers[0] == &before.Services[i].RealServers[0] {
				same++
			}
		}
		if same != tt.same {
			t.Errorf("%s: %d virtual servers are the ones of before, want %d", tt.name, same, tt.same)
		}
		before = now
	}
}
