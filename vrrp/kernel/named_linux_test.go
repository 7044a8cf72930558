package kernel

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestInterfaceNamed: the same as the library says, and errors that can be told
// apart.
func TestInterfaceNamed(t *testing.T) {
	if !namespaced(t) {
		return
	}
	cable(t, "eth0", "fifteen-letters")
	for _, name := range []string{"lo", "eth0", "fifteen-letters"} {
		want, err := net.InterfaceByName(name)
		must(t, err)
		got, err := interfaceNamed(name)
		must(t, err)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(net.Interface{}, "Flags"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-library +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"", "eth1", strings.Repeat("x", 16)} {
		if _, err := interfaceNamed(name); !errors.Is(err, errNoInterface) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
