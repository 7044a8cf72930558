package ldirectord

import (
	"net"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
)

// alertStates are the words of emailalertstatus besides all and none: what
// ldirectord is doing when something changes.
var alertStates = []string{"starting", "running", "stopping", "reloading"}

// mailPort is where ldirectord finds a mail server, and localMailer the one it
// takes without the directive smtp.
const (
	mailPort    = "25"
	localMailer = "localhost"
)

// mailed reports whether changes of a virtual server's real servers are mailed.
func mailed(b, all *block) bool {
	states := words(first("emailalertstatus", b, all).text("emailalertstatus"))
	wanted := len(states) == 0 || slices.Contains(states, "all") || slices.Contains(states, "running")
	return wanted && len(words(first("emailalert", b, all).text("emailalert"))) > 0
}

// words are the parts between commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}

// alertStatus finds what is wrong with an emailalertstatus, and what of it has
// no equal.
func (t *translator) alertStatus(b *block) {
	states, at := words(b.text("emailalertstatus")), b.where("emailalertstatus")
	known := append([]string{"all", "none"}, alertStates...)
	for _, s := range states {
		if !slices.Contains(known, s) {
			t.errorf("bad_status", at, "use "+strings.Join(known, ", "), "emailalertstatus %q is unknown", s)
			return
		}
	}
	switch {
	case slices.Contains(states, "none") && len(states) > 1:
		t.errorf("bad_status", at, "", "emailalertstatus none excludes all others")
	case len(states) > 0 && !slices.Contains(states, "none") && !slices.Contains(states, "all") && !slices.Contains(states, "running"):
		t.warnf("differs", at, "add running", "mails tell of what happens while the daemon runs: without running there are none")
	}
}

// mail makes the mail block: there is one for the whole daemon, so all who get
// mails get those of all virtual servers.
func (t *translator) mail(g *conf.Block, all *block, blocks []*block) {
	var to []string
	var server, at setting
	for i, from := range sources("emailalert", all, blocks) {
		people := t.recipients(from)
		switch {
		case i == 0:
			at = from.set["emailalert"]
		case !slices.Equal(to, people):
			t.warnf("differs", from.where("emailalert"), "", "there is one list of recipients here: mails about any virtual server go to all of them")
		}
		to = append(to, slices.DeleteFunc(people, func(p string) bool { return slices.Contains(to, p) })...)
	}
	for i, by := range sources("smtp", all, blocks) {
		switch {
		case i == 0:
			server = by.set["smtp"]
		case by.text("smtp") != server.text:
			t.warnf("differs", by.where("smtp"), "", "there is one mail server here: that of line %d", server.at.Line)
		}
	}
	if len(to) == 0 {
		return
	}
	host, _ := unquote(server.text)
	if host == "" {
		host = localMailer
		t.notef(at.at, "without smtp ldirectord runs a mail program; here the mail server of this host, port %s, gets the mails", mailPort)
	}
	t.mails = true
	m := g.Add("mail").At(at.at)
	m.SetAt("to", to, at.at)
	m.SetAt("from", t.sender(all), all.where("emailalertfrom"))
	m.SetAt("server", net.JoinHostPort(host, mailPort), server.at)
	m.Set("security", "none")
}

// sources are the blocks that say something for the virtual servers with mails,
// the global one first.
func sources(key string, all *block, blocks []*block) []*block {
	var out []*block
	for _, b := range blocks {
		if from := first(key, b, all); mailed(b, all) && !slices.Contains(out, from) {
			out = append(out, from)
		}
	}
	if i := slices.Index(out, all); i > 0 {
		out = slices.Insert(slices.Delete(out, i, i+1), 0, all)
	}
	return out
}

// recipients are the addresses of an emailalert; a name alone is one of this
// host.
func (t *translator) recipients(b *block) []string {
	var out []string
	for _, to := range words(b.text("emailalert")) {
		if !strings.Contains(to, "@") {
			to += "@" + t.host()
		}
		if _, err := mail.ParseAddress(to); err != nil {
			t.errorf("bad_mail", b.where("emailalert"), `for example "ops@example.com"`, "%q is not a mail address", to)
			continue
		}
		out = append(out, to)
	}
	return out
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

// host is the name of this host in mail addresses.
func (t *translator) host() string {
	if t.opts.Hostname == "" {
		return localMailer
	}
	return t.opts.Hostname
}

// alert is who is told about a virtual server: ldirectord holds no mail back.
func (t *translator) alert(s *service, all *block, out *conf.Block) {
	if !mailed(s.block, all) {
		return
	}
	k := out.Add("alert").At(first("emailalert", s.block, all).where("emailalert"))
	k.Set("mail", true)
	k.Set("per_hour", 0)
	from := first("emailalertfreq", s.block, all)
	if again := from.number("emailalertfreq"); again > 0 {
		k.SetAt("every", time.Duration(again)*time.Second, from.where("emailalertfreq"))
	}
}
