package daemon

import (
	"net/netip"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// TestKeepalived_MailWords compares with mails that keepalived 2.2.7 sent, and with
// the words in its program for kinds of checks that sent none.
func TestKeepalived_MailWords(t *testing.T) {
	service := conf.Service{Config: ipvs.Config{
		Name: "web", Quorum: 2, Hysteresis: 1, Key: ipvs.ServiceKey{Protocol: ipvs.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")},
	}}
	real := netip.MustParseAddrPort("127.0.0.2:8081")
	const (
		server = "Realserver [127.0.0.2]:tcp:8081 of virtual server [192.0.2.1]:tcp:80 - "
		vs     = "Virtualserver [192.0.2.1]:tcp:80 - "
	)
	for _, tt := range []struct {
		server        netip.AddrPort
		state         healthcheck.AlertState
		reason        string
		subject, text string
	}{
		{real, healthcheck.AlertDown, "tcp: connection refused", server + "DOWN", "TCP CHECK failed on service"},
		{real, healthcheck.AlertUp, "tcp: connection accepted", server + "UP", "TCP CHECK succeed on service"},
		{real, healthcheck.AlertDown, "script: exit status 1", server + "DOWN", "MISC CHECK failed on service"},
		{real, healthcheck.AlertDown, "script: no end of the script within 2s", server + "DOWN", "MISC CHECK timed out on service"},
		{real, healthcheck.AlertUp, "script: exit status 0", server + "UP", "MISC CHECK succeeded on service"},
		{real, healthcheck.AlertDown, "https: HTTP status 503", server + "DOWN", "CHECK failed on service : HTTP request failed"},
		{real, healthcheck.AlertUp, "http: HTTP status 200", server + "UP", "CHECK succeed on service"},
		{real, healthcheck.AlertDown, "smtp: no greeting within 3s", server + "DOWN", "CHECK failed on service : smtp: no greeting within 3s"},
		{real, healthcheck.AlertUp, "smtp: ready", server + "UP", "CHECK succeed on service"},
		{real, healthcheck.AlertDown, "ping: no echo reply within 3s", server + "DOWN", "ICMP CHECK failed on service"},
		{real, healthcheck.AlertUp, "udp: an answer", server + "UP", "UDP CHECK succeed on service"},
		{real, healthcheck.AlertDown, "dns: SERVFAIL", server + "DOWN", "DNS_CHECK: failed on service"},
		{real, healthcheck.AlertDown, "maintenance", server + "DOWN", "CHECK failed on service : maintenance"},
		{netip.AddrPort{}, healthcheck.AlertDown, "weight 0", vs + "DOWN", "Lost quorum 2+1=1 <= 0"},
		{netip.AddrPort{}, healthcheck.AlertUp, "weight 3", vs + "UP", "Gained quorum 2+1=3 <= 3"},
	} {
		alert := healthcheck.Alert{AlertID: healthcheck.AlertID{Service: "web", Server: tt.server}, State: tt.state, Reason: tt.reason}
		if subject, text := keepalivedWords(service, alert); subject != tt.subject || text != tt.text {
			t.Errorf("%s, %s: %q, %q", tt.state, tt.reason, subject, text)
		}
	}
}
