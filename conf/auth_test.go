package conf

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/vrrp"
)

const hexKey = "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// equalSecrets compares keys, which print alike.
var equalSecrets = cmp.Comparer(func(a, b vrrp.Secret) bool { return string(a) == string(b) })

func TestAuth(t *testing.T) {
	key := vrrp.Secret("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")
	for _, tt := range []struct {
		name, lines string
		want        vrrp.Auth
	}{
		{"none", "", vrrp.Auth{}},
		{"password", `auth "password" { secret = "s3cr3t12" }`, vrrp.Auth{Type: vrrp.AuthPassword, Key: vrrp.Secret("s3cr3t12")}},
		{"environment", `auth "ah" { secret = env("VRID") }`, vrrp.Auth{Type: vrrp.AuthHeader, Key: vrrp.Secret("77")}},
		{"hmac defaults", `
  version = 3
  auth "hmac" {
    key "7" { secret = "` + hexKey + `" }
  }`, vrrp.Auth{HMAC: &vrrp.HMAC{Keys: []vrrp.HMACKey{{ID: 7, Key: key}}, Active: 7, Window: 5 * time.Second}}},
		{"hmac everything", `
  advert_interval = "10s"
  auth "hmac" {
    active_key  = 2
    mode        = "receive-only"
    anti_replay = "monotonic"
    key "1" { secret = "` + hexKey + `" }
    key "2" { secret = "0123456789abcdef0123456789abcdef" }
  }`, vrrp.Auth{HMAC: &vrrp.HMAC{
			Keys:   []vrrp.HMACKey{{ID: 1, Key: key}, {ID: 2, Key: vrrp.Secret("0123456789abcdef0123456789abcdef")}},
			Active: 2, Mode: vrrp.HMACReceiveOnly, Monotonic: true, Window: 30 * time.Second,
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, instance(t, "", tt.lines).Auth, equalSecrets); diff != "" {
				t.Errorf("authentication (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthKeyFromFile(t *testing.T) {
	files := memory{
		"a.hcl": "version = 1\n" + fmt.Sprintf(instanceText, `auth "password" { file = "/etc/vipd/key" }`), "/etc/vipd/key": "s3cr3t12\n",
	}
	c, diags := Load([]string{"a.hcl"}, files.options())
	if c == nil {
		t.Fatal(text(t, diags))
	}
	if got := string(c.Routers[0].Auth.Key); got != "s3cr3t12" {
		t.Errorf("key %q", got)
	}
}

// A plan says that a key changes, not what it is.
func TestPlanShowsNoKeys(t *testing.T) {
	const hmac = `
  auth "hmac" {
    active_key = %d
    key "%d" { secret = "%s" }
  }`
	configs := []string{
		"", `auth "password" { secret = "hunter22" }`, `auth "ah" { secret = "hunter23" }`,
		fmt.Sprintf(hmac, 1, 1, strings.Repeat("hunter24", 4)), fmt.Sprintf(hmac, 2, 2, strings.Repeat("hunter25", 4)),
	}
	for i := 1; i < len(configs); i++ {
		have, _ := loadText(t, fmt.Sprintf(instanceText, configs[i-1]))
		want, _ := loadText(t, fmt.Sprintf(instanceText, configs[i]))
		plan := ComparePlan(have, want, Live{})
		b, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		out := string(b) + fmt.Sprint(plan)
		if !strings.Contains(out, "auth") {
			t.Errorf("step %d does not show: %s", i, out)
		}
		for _, shown := range []string{"hunter", "104 117 110", "68756e746572"} {
			if strings.Contains(out, shown) {
				t.Errorf("step %d shows a key: %s", i, out)
			}
		}
	}
}
