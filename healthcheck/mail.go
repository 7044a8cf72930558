package healthcheck

// SMTP are the parameters of kind smtp. It serves submission as well: that is
// smtp on port 587 with TLS mode starttls.
type SMTP struct {
	Hello string `json:",omitzero"` // name in EHLO
}

func (m SMTP) validate(_ Settings, p *problems) {
	if m.Hello == "" {
		p.add("hello", "", "hello is empty")
	}
	p.word("hello", m.Hello)
}

// Mailbox are the parameters of kinds pop3 and imap. Without a user the check
// reads the greeting and leaves.
type Mailbox struct {
	User, Password string `json:",omitzero"`
}

func (m Mailbox) validate(s Settings, p *problems) {
	p.line("user", m.User)
	p.line("password", m.Password)
	if s.Kind == KindPOP3 {
		p.word("user", m.User) // PASS takes the rest of its line (RFC 1939 section 7), USER a word
	}
	p.needs("password", m.Password != "", "user", m.User != "")
}

// FTP are the parameters of kind ftp.
type FTP struct {
	User, Password string `json:",omitzero"` // empty user = greeting only
	Path           string `json:",omitzero"` // file to retrieve; empty = none
	Expect         string `json:",omitzero"` // RE2 over the file
}

func (f FTP) validate(_ Settings, p *problems) {
	p.line("user", f.User)
	p.line("password", f.Password)
	p.line("path", f.Path)
	p.regexp("expect", f.Expect)
	p.needs("path", f.Path != "", "user", f.User != "")
	p.needs("expect", f.Expect != "", "path", f.Path != "")
}
