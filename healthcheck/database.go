package healthcheck

import "strings"

// SQL are the parameters of kinds mysql and postgresql. Without a user the
// check is content with a server that would let somebody log in.
type SQL struct {
	User, Password string `json:",omitzero"`
	Database       string `json:",omitzero"`
	Query          string `json:",omitzero"` // must return at least one row; empty = login only
	Expect         string `json:",omitzero"` // RE2 over the first column of the first row
}

func (q SQL) validate(s Settings, p *problems) {
	if strings.ContainsRune(q.User+q.Password+q.Database, 0) {
		p.add("user", "", "user, password or database contains a NUL")
	}
	if s.Kind == KindMySQL && q.User == "" && s.TLS.Mode != TLSOff {
		p.add("tls", "give it a user, who needs no rights", "tls of kind mysql is part of a login")
	}
	p.needs("password", q.Password != "", "user", q.User != "")
	p.needs("database", q.Database != "", "user", q.User != "")
	p.needs("query", q.Query != "", "user", q.User != "")
	p.needs("expect", q.Expect != "", "query", q.Query != "")
	p.regexp("expect", q.Expect)
}

// Oracle are the parameters of kind oracle: a TNS listener.
type Oracle struct {
	Service string `json:",omitzero"` // must be known to the listener; empty = the listener answers a ping
}

func (o Oracle) validate(_ Settings, p *problems) {
	p.word("service", o.Service)
	if strings.ContainsAny(o.Service, "()=") {
		p.add("service", "", "service %q contains a bracket or =", o.Service)
	}
}

// LDAP are the parameters of kind ldap.
type LDAP struct {
	User, Password string `json:",omitzero"` // DN to bind as; empty = anonymous
	Base           string `json:",omitzero"` // DN to search for, scope base; empty = bind only
	Filter         string `json:",omitzero"`
	Expect         string `json:",omitzero"` // RE2 over the DN that was found
}

func (l LDAP) validate(_ Settings, p *problems) {
	p.needs("password", l.Password != "", "user", l.User != "")
	p.needs("user", l.User != "", "password", l.Password != "") // RFC 4513 section 5.1.2: else it is no authentication
	p.needs("expect", l.Expect != "", "base", l.Base != "")
	if l.Base != "" && !strings.HasPrefix(l.Filter, "(") {
		p.add("filter", `for example "(objectClass=*)"`, "filter %q is not an LDAP filter", l.Filter)
	}
	p.regexp("expect", l.Expect)
}
