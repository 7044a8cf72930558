package conf

import (
	"net"
	"net/mail"
)

// mail builds the mail block, nil when there is none.
func (b *builder) mail(nodes []*node) *Mail {
	if len(nodes) == 0 {
		return nil
	}
	n := nodes[0]
	m := &Mail{
		From: get[string](n, "from"), Server: get[string](n, "server"), Security: get[string](n, "security"),
		Username: get[string](n, "username"), PasswordFile: get[string](n, "password_file"),
	}
	for _, to := range get[[]located[string]](n, "to") {
		if _, err := mail.ParseAddress(to.v); err != nil {
			b.errorf("bad_mail", to.rng, `for example "ops@example.com"`, "%q is not a mail address", to.v)
		}
		m.To = append(m.To, to.v)
	}
	if _, err := mail.ParseAddress(m.From); err != nil && n.has("from") {
		b.errorf("bad_mail", n.at("from"), `for example "vipd@example.com"`, "%q is not a mail address", m.From)
	}
	if _, port, err := net.SplitHostPort(m.Server); n.has("server") && (err != nil || port == "") {
		b.errorf("bad_mail", n.at("server"), `for example "mail.example.com:587"`, "%q is not a host and port", m.Server)
	}
	if (m.Username == "") != (m.PasswordFile == "") && !n.bad("username", "password_file") {
		b.errorf("bad_mail", n.def, "", "username and password_file need each other")
	}
	if m.Username != "" && m.Security == "none" {
		b.errorf("bad_mail", n.at("username"), `security = "starttls"`, "a password is not sent without encryption")
	}
	return m
}
