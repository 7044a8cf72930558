package healthcheck

import (
	"slices"
	"strings"
)

// DNS are the parameters of kind dns.
type DNS struct {
	Name      string `json:",omitzero"` // of the question
	Type      string `json:",omitzero"` // A, AAAA, SOA, … (see DNSTypes)
	Expect    string `json:",omitzero"` // RE2 that one record of the answer must match, in the form of zone files; empty = any answer
	Code      string `json:",omitzero"` // response code: NOERROR, NXDOMAIN, …
	Transport string `json:",omitzero"` // udp or tcp
}

// DNSTypes are the types of questions that a dns check can ask.
func DNSTypes() []string {
	return []string{"A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "SVCB", "TLSA", "TXT", "ANY"}
}

// DNSCodes are the response codes (RFC 1035 section 4.1.1, RFC 2136) that a
// dns check can expect.
func DNSCodes() []string {
	return []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}
}

func (d DNS) validate(_ Settings, p *problems) {
	if !validDomain(d.Name) {
		p.add("name", `for example "www.example.com"`, "%q is not a domain name", d.Name)
	}
	if !slices.Contains(DNSTypes(), d.Type) {
		p.add("type", "known: "+strings.Join(DNSTypes(), ", "), "unknown type of record %q", d.Type)
	}
	if !slices.Contains(DNSCodes(), d.Code) {
		p.add("code", "known: "+strings.Join(DNSCodes(), ", "), "unknown response code %q", d.Code)
	}
	if d.Transport != "udp" && d.Transport != "tcp" {
		p.add("transport", "", "transport %q is neither udp nor tcp", d.Transport)
	}
	p.regexp("expect", d.Expect)
}

// validDomain judges a name by the limits of RFC 1035 section 2.3.4.
func validDomain(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" {
		return true // the root
	}
	if len(name) > 253 || strings.ContainsFunc(name, notVisible) || strings.Contains(name, `\`) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "."), func(l string) bool { return l == "" || len(l) > 63 })
}

// RADIUS are the parameters of kind radius: an Access-Request.
type RADIUS struct {
	User, Password, Secret string `json:",omitzero"`
	NASIdentifier          string `json:",omitzero"`
	// Reject takes an Access-Reject for success too: it shows that the server
	// works and knows the secret.
	Reject bool `json:",omitzero"`
}

func (r RADIUS) validate(_ Settings, p *problems) {
	if r.Secret == "" {
		p.add("secret", "the one that the server has for this director", "a radius check needs a secret")
	}
	if r.User == "" {
		p.add("user", "", "a radius check needs a user")
	}
	if len(r.User) > 253 || len(r.NASIdentifier) > 253 {
		p.add("user", "", "user or nas_identifier is longer than 253 bytes")
	}
	if len(r.Password) > 128 {
		p.add("password", "", "password is longer than 128 bytes")
	}
}

// SIP are the parameters of kind sip: an OPTIONS request.
type SIP struct {
	User      string `json:",omitzero"` // in sip:USER@host of the request
	Domain    string `json:",omitzero"` // host of the request; empty = target address
	Transport string `json:",omitzero"` // udp or tcp; TLS is over tcp
	Status    string `json:",omitzero"` // comma-separated codes and ranges
}

func (c SIP) validate(s Settings, p *problems) {
	p.word("user", c.User)
	if c.User == "" || strings.ContainsAny(c.User, "@<>;:") {
		p.add("user", "", "user %q cannot stand in a SIP address", c.User)
	}
	if c.Domain != "" && !validHost(c.Domain) {
		p.add("domain", "", "domain %q is not a host name", c.Domain)
	}
	if c.Transport != "udp" && c.Transport != "tcp" || c.Transport == "udp" && s.TLS.Mode != TLSOff {
		p.add("transport", `use "tcp" with TLS`, "transport %q is not possible", c.Transport)
	}
	if _, err := ParseStatusSet(c.Status); err != nil {
		p.add("status", "", "%v", err)
	}
}
