package ldirectord

import (
	"cmp"
	"net"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
)

// alertStates are the words of emailalertstatus besides all and none: what
// ldirectord is doing when something changes.
var alertStates = []string{string(conf.Starting), string(conf.Running), string(conf.Stopping), string(conf.Reloading)}

// mailPort is where ldirectord finds a mail server, and localMailer the one it
// takes without the directive smtp.
const (
	mailPort    = "25"
	localMailer = "localhost"
)

// mailed reports whether changes of a virtual server's real servers are mailed.
func mailed(b, all *block) bool {
	states := words(first("emailalertstatus", b, all).text("emailalertstatus"))
	return !slices.Contains(states, "none") && len(recipients(first("emailalert", b, all))) > 0
}

// words are the parts between commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}

// mailWords finds what is wrong with who gets mails when.
func (t *translator) mailWords(b *block) {
	for _, to := range recipients(b) {
		if _, err := mail.ParseAddress(t.atHost(to)); err != nil {
			t.errorf("bad_mail", b.where("emailalert"), `for example "ops@example.com"`, "%q is not a mail address", to)
		}
	}
	states, at := words(b.text("emailalertstatus")), b.where("emailalertstatus")
	known := append([]string{"all", "none"}, alertStates...)
	for _, s := range states {
		if !slices.Contains(known, s) {
			t.errorf("bad_status", at, "use "+strings.Join(known, ", "), "emailalertstatus %q is unknown", s)
			return
		}
	}
	if slices.Contains(states, "none") && len(states) > 1 {
		t.errorf("bad_status", at, "", "emailalertstatus none excludes all others")
	}
}

// mail makes the mail block when a virtual server has mails and there is none
// yet: with what is global in the first file that has them.
func (t *translator) mail(all *block, blocks []*block) {
	i := slices.IndexFunc(blocks, func(b *block) bool { return mailed(b, all) })
	if t.mails != nil || i < 0 {
		return
	}
	at := first("emailalert", all, blocks[i]).where("emailalert")
	t.mails = &route{to: t.people(all), server: server(all)}
	if t.mails.server == server(&block{}) {
		t.notef(at, "without smtp ldirectord runs a mail program; here the mail server of this host, port %s, gets the mails", mailPort)
	}
	m := t.daemon.Add("mail").At(at)
	if len(t.mails.to) > 0 {
		m.SetAt("to", t.mails.to, at)
	}
	m.SetAt("from", t.sender(all), all.where("emailalertfrom"))
	m.SetAt("server", t.mails.server, all.where("smtp"))
	m.Set("security", "none")
	m.Set("style", conf.MailLdirectord)
}

// route is where mails go.
type route struct {
	to     []string
	server string
}

// server is the mail server that a block names, else this host's.
func server(b *block) string {
	host, _ := unquote(b.text("smtp"))
	return net.JoinHostPort(cmp.Or(host, localMailer), mailPort)
}

// recipients are those of an emailalert as they are written.
func recipients(b *block) []string { return words(b.text("emailalert")) }

// people are the addresses of those who get mails; a name alone is one of this
// host.
func (t *translator) people(b *block) []string {
	var out []string
	for _, to := range recipients(b) {
		out = append(out, t.atHost(to))
	}
	return out
}

func (t *translator) atHost(name string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return name + "@" + t.host()
}

// sender is who mails are from: by default the user of the daemon at its host.
func (t *translator) sender(all *block) string {
	from, _ := unquote(all.text("emailalertfrom"))
	if from == "" {
		return "root@" + t.host()
	}
	if _, err := mail.ParseAddress(from); err != nil {
		t.errorf("bad_mail", all.where("emailalertfrom"), `for example lb1@example.com`, "%q is not a mail address", from)
	}
	return from
}

// host is the name of this host in mail addresses, if that can be one.
func (t *translator) host() string {
	if _, err := mail.ParseAddress("root@" + t.opts.Hostname); err != nil {
		return localMailer
	}
	return t.opts.Hostname
}

// alert is who is told what about a virtual server: ldirectord holds no mail
// back.
func (t *translator) alert(s *service, all *block, out *conf.Block) {
	if !mailed(s.block, all) {
		return
	}
	to := first("emailalert", s.block, all)
	k := out.Add("alert").At(to.where("emailalert"))
	k.Set("mail", true)
	k.Set("per_hour", 0)
	if people := t.people(to); !slices.Equal(people, t.mails.to) {
		k.SetAt("mail_to", people, to.where("emailalert"))
	}
	if by := first("smtp", s.block, all); server(by) != t.mails.server {
		k.SetAt("mail_server", server(by), by.where("smtp"))
	}
	during := first("emailalertstatus", s.block, all)
	if states := words(during.text("emailalertstatus")); len(states) == 0 || slices.Contains(states, "all") {
		k.SetAt("mail_during", alertStates, during.where("emailalertstatus"))
	} else {
		k.SetAt("mail_during", states, during.where("emailalertstatus"))
	}
	if title := s.text("servicename"); title != "" {
		k.SetAt("mail_title", title, s.where("servicename"))
	}
	if comment := s.text("comment"); comment != "" {
		k.SetAt("mail_comment", comment, s.where("comment"))
	}
	from := first("emailalertfreq", s.block, all)
	if again := from.number("emailalertfreq"); again > 0 {
		k.SetAt("every", time.Duration(again)*time.Second, from.where("emailalertfreq"))
	}
}
