package ldirectord

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// TestMail: who gets mails about which virtual server, from whom, how often.
func TestMail(t *testing.T) {
	block := func(address, more string) string {
		return "virtual=" + address + "\n\tnegotiatetimeout=3\n\treal=192.0.2.21:80 gate\n" + more + "\n"
	}
	const one, two = "192.0.2.10:80", "192.0.2.11:80"
	mail := func(server string, to ...string) *conf.Mail {
		return &conf.Mail{To: to, From: "root@lb1", Server: server, Security: "none", Timeout: 20 * time.Second, Style: conf.MailLdirectord}
	}
	alert := func(change func(*conf.Alert)) *conf.Alert {
		a := &conf.Alert{Mail: true, MailDuring: []conf.Phase{conf.Starting, conf.Running, conf.Stopping, conf.Reloading}}
		change(a)
		return a
	}
	always := alert(func(*conf.Alert) {})
	hourly := alert(func(a *conf.Alert) { a.AlertPolicy = healthcheck.AlertPolicy{Every: time.Hour} })
	to := func(who ...string) *conf.Alert { return alert(func(a *conf.Alert) { a.MailTo = who }) }
	by := func(server string) *conf.Alert { return alert(func(a *conf.Alert) { a.MailServer = server }) }
	during := func(p ...conf.Phase) *conf.Alert { return alert(func(a *conf.Alert) { a.MailDuring = p }) }
	for _, tt := range []struct {
		name, text string
		mail       *conf.Mail
		alerts     []*conf.Alert // by virtual server
		codes      []string
	}{
		{"none", block(one, ""), nil, []*conf.Alert{nil}, nil},
		{"for all", "emailalert=\"ops@example.com, root\"\nemailalertfreq=3600\n" + block(one, "") + block(two, "\temailalertfreq=0"),
			mail("localhost:25", "ops@example.com", "root@lb1"), []*conf.Alert{hourly, always}, []string{"no_effect"}},
		{"for one", "smtp=mail.example.com\n" + block(one, "\temailalert=a@example.com") + block(two, ""),
			mail("mail.example.com:25"), []*conf.Alert{to("a@example.com"), nil}, nil},
		{"two recipients", "smtp=mail.example.com\nemailalert=\"a@example.com\"\n" + block(one, "") + block(two, "\temailalert=b@example.com"),
			mail("mail.example.com:25", "a@example.com"), []*conf.Alert{always, to("b@example.com")}, nil},
		{"two mail servers", "smtp=mail.example.com\nemailalert=\"a@example.com\"\n" + block(one, "") + block(two, "\tsmtp=mail2.example.com"),
			mail("mail.example.com:25", "a@example.com"), []*conf.Alert{always, by("mail2.example.com:25")}, nil},
		{"never", "emailalert=\"a@example.com\"\nemailalertstatus=none\n" + block(one, ""), nil, []*conf.Alert{nil}, nil},
		{"at the start only", "smtp=mail.example.com\nemailalert=\"a@example.com\"\nemailalertstatus=starting\n" + block(one, ""),
			mail("mail.example.com:25", "a@example.com"), []*conf.Alert{during(conf.Starting)}, nil},
		{"running, for one", "smtp=mail.example.com\nemailalert=\"a@example.com\"\nemailalertstatus=none\n" + block(one, "\temailalertstatus=running, stopping") + block(two, ""),
			mail("mail.example.com:25", "a@example.com"), []*conf.Alert{during(conf.Running, conf.Stopping), nil}, nil},
		{"named", "smtp=mail.example.com\nemailalert=\"a@example.com\"\n" + block(one, "\tservicename=the shop\n\tcomment=ring twice"),
			mail("mail.example.com:25", "a@example.com"), []*conf.Alert{alert(func(a *conf.Alert) { a.MailTitle, a.MailComment = "the shop", "ring twice" })}, nil},
		{"a comment for nobody", block(one, "\tcomment=ring twice"), nil, []*conf.Alert{nil}, []string{"no_effect"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := Load([]string{"a.cf"}, only(tt.text))
			if cfg == nil {
				t.Fatal(said(t, diags))
			}
			var alerts []*conf.Alert
			for _, s := range cfg.Services {
				alerts = append(alerts, s.Alert)
			}
			var codes []string
			for _, d := range diags {
				codes = append(codes, d.Code)
			}
			if diff := cmp.Diff(tt.mail, cfg.Global.Mail, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("mail (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.alerts, alerts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.codes, codes); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}
