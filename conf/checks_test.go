package conf

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"net/netip"

	"github.com/vipd/vipd/healthcheck"
)

// TestChecksAreShared: real servers with the same checks have one list, also
// after the way from process to process; one with a check of its own has not.
func TestChecksAreShared(t *testing.T) {
	var b strings.Builder
	b.WriteString("version = 1\nvirtual_server \"web\" {\n address = \"192.0.2.10:80\"\n forward = \"direct\"\n check \"tcp\" {}\n check \"http\" { path = \"/a\" }\n")
	for i := range 9 {
		fmt.Fprintf(&b, " real_server \"10.0.0.%d\" {}\n", i+1)
	}
	b.WriteString(" real_server \"10.0.0.10\" {\n  check \"http\" { path = \"/b\" }\n }\n}\n")
	c, diags := Load([]string{"a.hcl"}, memory{"a.hcl": b.String()}.options())
	if c == nil {
		t.Fatal(text(t, diags))
	}
	built := c.Services[0].Checks
	lists := func(all Checks) map[*healthcheck.Check]int {
		n := map[*healthcheck.Check]int{}
		for _, list := range all {
			n[&list[0]]++
		}
		return n
	}
	wire, err := json.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	var read Checks
	if err := json.Unmarshal(wire, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(built, read, cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})); diff != "" {
		t.Errorf("after JSON (-want +got):\n%s", diff)
	}
	for name, all := range map[string]Checks{"built": built, "read": read} {
		if n := lists(all); len(n) != 2 || len(all) != 10 {
			t.Errorf("%s: %d lists for %d real servers", name, len(n), len(all))
		}
	}
	for _, bad := range []string{"[]", `{"x": []}`, `{"10.0.0.1:80": [7]}`} {
		if json.Unmarshal([]byte(bad), &read) == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
