package keepalived

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// realServer is the one of serviceWith.
var realServer = netip.MustParseAddrPort("198.51.100.1:80")

// serviceWith is a virtual_server with one check.
func serviceWith(check string) string {
	return "virtual_server 192.0.2.1 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\nreal_server 198.51.100.1 80 {\n" + check + "\n}\n}\n"
}

func TestSSL(t *testing.T) {
	check := serviceWith("SSL_GET {\nurl {\npath /\n}\n}\nHTTP_GET {\nurl {\npath /\n}\n}")
	for text, want := range map[string]healthcheck.TLS{
		"": {Mode: healthcheck.TLSOn},
		"SSL {\ncertificate /etc/c.pem\nkey /etc/k.pem\nca /etc/ca.pem\n}\n": {Mode: healthcheck.TLSOn, Certificate: "/etc/c.pem", Key: "/etc/k.pem"},
		"SSL {\ncertificate /etc/both.pem\n}\n":                              {Mode: healthcheck.TLSOn, Certificate: "/etc/both.pem", Key: "/etc/both.pem"},
	} {
		checks := usable(t, text+check).Services[0].Checks[realServer]
		if diff := cmp.Diff(want, checks[0].Settings.TLS); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if plain := checks[1].Settings.TLS; plain != (healthcheck.TLS{}) {
			t.Errorf("%q: HTTP_GET has %+v", text, plain)
		}
	}
}

func TestLogAllFailures(t *testing.T) {
	for _, tt := range []struct {
		global, check string
		want          bool
	}{
		{"", "", false},
		{"", "log_all_failures", true},
		{"global_defs {\nchecker_log_all_failures\n}\n", "", true},
		{"global_defs {\nchecker_log_all_failures\n}\n", "log_all_failures off", false},
	} {
		c := usable(t, tt.global+serviceWith("TCP_CHECK {\n"+tt.check+"\n}"))
		if got := c.Services[0].Checks[realServer][0].Timing.LogFailures; got != tt.want {
			t.Errorf("%q, %q: %v", tt.global, tt.check, got)
		}
	}
}

func TestReplyLength(t *testing.T) {
	c := usable(t, serviceWith("UDP_CHECK {\npayload 00\nrequire_reply\nmin_reply_length 3\nmax_reply_length 9\n}"))
	p := c.Services[0].Checks[realServer][0].Settings.Params.(healthcheck.UDP)
	if p.MinLength != 3 || p.MaxLength != 9 {
		t.Errorf("answer of %d to %d octets", p.MinLength, p.MaxLength)
	}
}

func TestTrackProcessBounds(t *testing.T) {
	for words, want := range map[string]conf.TrackProcess{
		"delay 2":                         {Quorum: 1, Delay: 2 * time.Second, UpDelay: 2 * time.Second},
		"terminate_delay 1\nfork_delay 3": {Quorum: 1, Delay: time.Second, UpDelay: 3 * time.Second},
		"quorum 2\nquorum_max 4":          {Quorum: 2, Most: 4},
		"quorum 4\nquorum_max 2":          {Quorum: 4},
	} {
		want.Name, want.Program = "p", "haproxy"
		got := usable(t, "vrrp_track_process p {\nprocess haproxy\n"+words+"\n}\n").Tracking.Processes[0]
		got.Args = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", words, diff)
		}
	}
}

func TestVMACPrefix(t *testing.T) {
	instance := "vrrp_instance NAME {\ninterface eth0\nvirtual_router_id 7\nuse_vmac\nvirtual_ipaddress { ADDRESS }\n}\n"
	of := func(name, address string) string {
		return strings.NewReplacer("NAME", name, "ADDRESS", address).Replace(instance)
	}
	c := usable(t, "global_defs {\nvmac_prefix vip\n}\n"+of("a", "192.0.2.1/24")+of("b", "2001:db8::1/64"))
	if a, b := c.Routers[0].VMAC.Name, c.Routers[1].VMAC.Name; a != "vip.7" || b != "vip6.7" {
		t.Errorf("names %q and %q", a, b)
	}
}

func TestRandomSeed(t *testing.T) {
	numbers := func(seed string) string {
		text := "global_defs {\n" + seed + "\n}\n"
		for _, name := range []string{"a", "b", "c"} {
			text += "vrrp_script " + name + "${_RANDOM 1 1000000} {\nscript /bin/true\n}\n"
		}
		var out []string
		for _, s := range usable(t, text).Tracking.Scripts {
			out = append(out, s.Name)
		}
		return strings.Join(out, " ")
	}
	if a, b := numbers("random_seed 7"), numbers("random_seed 7"); a != b || a == "" {
		t.Errorf("the same seed gives %q and %q", a, b)
	}
	if a, b := numbers("random_seed 7"), numbers("random_seed 8"); a == b {
		t.Errorf("two seeds give %q", a)
	}
	if a, b := numbers(""), numbers(""); a == b {
		t.Errorf("without a seed it is %q again", a)
	}
}

func TestNoEmailFaults(t *testing.T) {
	for word, want := range map[string]bool{"": false, "no_email_faults": true} {
		c := usable(t, "global_defs {\nnotification_email { ops@example.com }\nsmtp_server 192.0.2.25\n"+word+"\n}\n")
		if c.Global.Mail.NoFaults != want {
			t.Errorf("%q: %+v", word, c.Global.Mail)
		}
	}
}

// TestKeepalived_GranularityPersists: connections that are grouped stay, for six
// minutes if nothing else is written.
func TestKeepalived_GranularityPersists(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		"":                           0,
		"persistence_granularity 64": 6 * time.Minute,
		"persistence_timeout 60":     time.Minute,
		"persistence_timeout 60\npersistence_granularity 64": time.Minute,
	} {
		s := usable(t, "virtual_server 2001:db8::1 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\n"+lines+"\nreal_server 2001:db8::2 80 {\n}\n}\n").Services[0]
		if s.Persistent != want || (s.Granularity != 0) != strings.Contains(lines, "granularity") {
			t.Errorf("%q: %v, %d", lines, s.Persistent, s.Granularity)
		}
	}
}

// TestKeepalived_PreferencesOfRules: a rule that is left out takes none.
func TestKeepalived_PreferencesOfRules(t *testing.T) {
	c := usable(t, "static_rules {\nfrom 192.0.2.0/24 table 1\nto 192.0.2./24 table 1\nfrom 198.51.100.0/24 table 2\n}\n")
	var got []uint32
	for _, r := range c.Static.Paths.Rules {
		got = append(got, r.Priority)
	}
	if diff := cmp.Diff([]uint32{16384, 16383}, got); diff != "" {
		t.Errorf("preferences (-want +got):\n%s", diff)
	}
}
