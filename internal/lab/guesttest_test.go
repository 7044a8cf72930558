package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCollect: no result of the guest is lost, whatever a test is called.
func TestCollect(t *testing.T) {
	events := `
{"Action":"run","Test":"TestGuest"}
{"Action":"pass","Test":"TestGuest/direct"}
{"Action":"output","Test":"TestGuest/tunnel/IPv6","Output":"lost\n"}
{"Action":"fail","Test":"TestGuest/tunnel/IPv6"}
{"Action":"pass","Test":"TestGuest/tunnel/IPv4"}
{"Action":"skip","Test":"TestGuest/nat/IPv6"}
{"Action":"pass","Test":"TestGuest/nat"}
{"Action":"attr","Test":"TestGuest","Key":"count","Value":"4 ways"}
{"Action":"fail","Test":"TestGuest"}
{"Action":"output","Output":"FAIL\n"}
{"Action":"fail"}
`
	got := map[string]string{}
	ran, err := collect(strings.NewReader(events), func(name string, r *reported) {
		got[name] = r.action + " " + r.output.String()
		for _, a := range r.attrs {
			got[name] += a.key + " " + a.value
		}
	})
	want := map[string]string{"direct": "pass ", "tunnel": "fail lost\n", "nat": "skip ", "": "fail count 4 ways"}
	if diff := cmp.Diff(want, got); err != nil || ran != 6 || diff != "" {
		t.Errorf("%d tests, %v\n%s", ran, err, diff)
	}
	if _, err := collect(strings.NewReader("noise"), nil); err == nil {
		t.Error("noise was taken for events")
	}
}
