package conf

import (
	"math"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// checkKind is one kind of check: its attributes and how they become
// parameters.
type checkKind struct {
	kind   healthcheck.Kind
	help   string
	attrs  []*attr
	params func(*node) healthcheck.Params // nil: the kind has none
}

// Attributes that several kinds share.
var (
	sendAttr = &attr{name: "send", kind: kindString, help: "Text to send; `\\r`, `\\n` and `\\u00XX` as in every text."}
	hexAttr  = &attr{name: "send_hex", kind: kindHex, help: "Bytes to send, as hexadecimal digits, instead of `send`."}
	userAttr = &attr{name: "user", kind: kindString, help: "User to log in as."}
	passAttr = &attr{name: "password", kind: kindString, help: "Password of the user; `env(\"NAME\")` keeps it out of the file."}
)

// httpAttrs are common to http, https and http_proxy.
var httpAttrs = []*attr{
	{name: "method", kind: kindWord, def: `"GET"`, words: []string{"GET", "HEAD"}, help: "Request method."},
	{name: "virtual_host", kind: kindString, defNote: "the target's address", help: "Host to ask for."},
	{name: "headers", kind: kindStrings, help: "Further header fields, each a text such as `\"X-Probe: vipd\"`."},
	{name: "status", kind: kindStatus, def: `"200-299"`,
		help: "Answers that are good: a number, a text such as `\"200-299,401\"`, or a list of both."},
	{name: "expect", kind: kindString, help: "Regular expression (RE2) that must be found in the body."},
	{name: "refuse", kind: kindString, help: "Regular expression (RE2) that must not be found in the body."},
	{name: "digest", kind: kindString, help: "MD5 (as `genhash` of keepalived prints it) or SHA-256 of the body."},
	{name: "json_path", kind: kindString, help: "Where in a JSON body `json_value` must stand: `\"status\"`, `\"checks[0].state\"`."},
	{name: "json_value", kind: kindString, help: "The value there, as text."},
	{name: "redirects", kind: kindInt, min: 0, max: 10, def: "0", help: "Redirects to follow, always to the same server."},
	{name: "keep_alive", kind: kindBool, def: "false", help: "Use the connection of the last probe again."},
	{name: "tls_close", kind: kindBool, def: "false", help: "A page without a length must be ended by TLS's own closure alert: one that a broken connection ends may have been cut off."},
	{name: "version", kind: kindWord, def: `"1.1"`, words: []string{"1.0", "1.0C", "1.1", "2"}, help: "Version of HTTP; `1.0C` is 1.0 with `Connection: close`, 2 without TLS is by prior knowledge."},
}

var pathAttrs = []*attr{
	{name: "path", kind: kindString, def: `"/"`, help: "Path and query to ask for."},
	{name: "paths", kind: kindStrings, help: "Several paths, all of which must answer as expected, instead of `path`."},
}

// checkKinds are all kinds, in the order of the reference page.
var checkKinds = []checkKind{
	{healthcheck.KindTCP, "A connection that is accepted, and an answer if that is wanted.", []*attr{
		sendAttr, hexAttr,
		{name: "expect", kind: kindString, help: "Regular expression (RE2) that must be found in what the server sends."},
		{name: "finish", kind: kindBool, def: "false", help: "Close our side of the connection after sending."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.TCP{Send: sendOf(n), Expect: get[string](n, "expect"), Finish: get[bool](n, "finish")}
	}},
	{healthcheck.KindHTTP, "A request over HTTP.", join(pathAttrs, httpAttrs), httpParams},
	{healthcheck.KindHTTPS, "A request over HTTP and TLS.", join(pathAttrs, httpAttrs), httpParams},
	{healthcheck.KindHTTPProxy, "A request to a proxy for a URL.", join([]*attr{
		{name: "url", kind: kindString, required: true, help: "What to ask for, `\"http://www.example.com/\"`."},
	}, httpAttrs), httpParams},
	{healthcheck.KindGRPC, "The standard health service of a gRPC server.", []*attr{
		{name: "service", kind: kindString, defNote: "the server as a whole", help: "Service to ask about."},
		{name: "authority", kind: kindString, defNote: "the target's address", help: "Name to ask for."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.GRPC{Service: get[string](n, "service"), Authority: get[string](n, "authority")}
	}},
	{healthcheck.KindSMTP, "A mail server; submission is `port = 587` with `tls = \"starttls\"`.", []*attr{
		{name: "hello", kind: kindString, def: `"vipd.invalid"`, help: "Our name in EHLO."},
	}, func(n *node) healthcheck.Params { return healthcheck.SMTP{Hello: get[string](n, "hello")} }},
	{healthcheck.KindPOP3, "A POP3 server; with a user, a login.", []*attr{userAttr, passAttr}, mailboxParams},
	{healthcheck.KindIMAP, "An IMAP server; with a user, a login.", []*attr{userAttr, passAttr}, mailboxParams},
	{healthcheck.KindFTP, "An FTP server: a login and, if there is a path, a file.", []*attr{
		{name: "user", kind: kindString, def: `"anonymous"`, help: "User to log in as."},
		{name: "password", kind: kindString, def: `"vipd@"`, help: "Password of the user."},
		{name: "path", kind: kindString, help: "File to retrieve."},
		{name: "expect", kind: kindString, help: "Regular expression (RE2) that must be found in the file."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.FTP{User: get[string](n, "user"), Password: get[string](n, "password"),
			Path: get[string](n, "path"), Expect: get[string](n, "expect")}
	}},
	{kind: healthcheck.KindNNTP, help: "A news server that lets us read or post."},
	{healthcheck.KindDNS, "An answer to a DNS question.", []*attr{
		{name: "name", kind: kindString, def: `"."`, help: "Name to ask for."},
		{name: "type", kind: kindWord, def: `"SOA"`, words: healthcheck.DNSTypes(), help: "Type of the record."},
		{name: "expect", kind: kindString, help: "Regular expression (RE2) that one record of the answer must match, in the form of zone files."},
		{name: "code", kind: kindWord, def: `"NOERROR"`, words: healthcheck.DNSCodes(), help: "Response code."},
		{name: "transport", kind: kindWord, def: `"udp"`, words: []string{"udp", "tcp"}, help: "Transport."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.DNS{Name: get[string](n, "name"), Type: get[string](n, "type"), Expect: get[string](n, "expect"),
			Code: get[string](n, "code"), Transport: get[string](n, "transport")}
	}},
	{healthcheck.KindLDAP, "A directory: a bind and, if there is a base, an entry.", []*attr{
		{name: "user", kind: kindString, defNote: "anonymous", help: "DN to bind as."}, passAttr,
		{name: "base", kind: kindString, help: "DN of an entry that must exist."},
		{name: "filter", kind: kindString, def: `"(objectClass=*)"`, help: "Filter that the entry must match."},
		{name: "expect", kind: kindString, help: "Regular expression (RE2) that the entry's DN must match."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.LDAP{User: get[string](n, "user"), Password: get[string](n, "password"),
			Base: get[string](n, "base"), Filter: get[string](n, "filter"), Expect: get[string](n, "expect")}
	}},
	{healthcheck.KindMySQL, "A MySQL or MariaDB server: its greeting or, with a user, a login and a query.", sqlAttrs, sqlParams},
	{healthcheck.KindPostgreSQL, "A PostgreSQL server: whether it takes logins or, with a user, a login and a query.", sqlAttrs, sqlParams},
	{healthcheck.KindOracle, "An Oracle listener.", []*attr{
		{name: "service", kind: kindString, defNote: "any", help: "Service that the listener must know."},
	}, func(n *node) healthcheck.Params { return healthcheck.Oracle{Service: get[string](n, "service")} }},
	{healthcheck.KindRADIUS, "A RADIUS server that lets a user in.", []*attr{
		{name: "user", kind: kindString, required: true, help: "User to ask for."}, passAttr,
		{name: "secret", kind: kindString, required: true, help: "Secret that the server has for this director."},
		{name: "nas_identifier", kind: kindString, def: `"vipd"`, help: "Our name."},
		{name: "accept_reject", kind: kindBool, def: "false", help: "Take a rejection for success too: the server works and knows the secret."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.RADIUS{User: get[string](n, "user"), Password: get[string](n, "password"), Secret: get[string](n, "secret"),
			NASIdentifier: get[string](n, "nas_identifier"), Reject: get[bool](n, "accept_reject")}
	}},
	{healthcheck.KindSIP, "A SIP server that answers OPTIONS.", []*attr{
		{name: "user", kind: kindString, def: `"vipd"`, help: "User part of the address that is asked for."},
		{name: "domain", kind: kindString, defNote: "the target's address", help: "Domain of that address."},
		{name: "transport", kind: kindWord, def: `"udp"`, words: []string{"udp", "tcp"}, help: "Transport; TLS is over tcp."},
		{name: "status", kind: kindStatus, def: `"200"`, help: "Answers that are good."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.SIP{User: get[string](n, "user"), Domain: get[string](n, "domain"),
			Transport: get[string](n, "transport"), Status: get[string](n, "status")}
	}},
	{healthcheck.KindRedis, "A Redis server that answers PING.", []*attr{
		userAttr, passAttr,
		{name: "role", kind: kindWord, words: []string{"master", "slave"}, defNote: "any", help: "Role it must have."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.Redis{User: get[string](n, "user"), Password: get[string](n, "password"), Role: get[string](n, "role")}
	}},
	{healthcheck.KindUDP, "A datagram that is answered.", []*attr{
		sendAttr, hexAttr,
		{name: "expect", kind: kindString, help: "Regular expression (RE2) that must be found in the answer."},
		{name: "silence_is_success", kind: kindBool, def: "false",
			help: "Take no answer within `timeout` for success: only an ICMP error is a failure. A host that is switched off may send none."},
		{name: "min_length", kind: kindInt, def: "0", min: 0, max: 65535, help: "Octets that an answer must have."},
		{name: "max_length", kind: kindInt, min: 1, max: 65535, help: "Octets that an answer may have."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.UDP{Send: sendOf(n), Expect: get[string](n, "expect"), Silent: get[bool](n, "silence_is_success"),
			MinLength: int(get[int64](n, "min_length")), MaxLength: int(get[int64](n, "max_length"))}
	}},
	{kind: healthcheck.KindPing, help: "An ICMP echo that is answered."},
	{healthcheck.KindScript, "A program of this host.", []*attr{
		{name: "command", kind: kindStrings, required: true,
			help: "Program and arguments, run without a shell. `{address}` and `{port}` become those of the real server, `{service_address}` and `{service_port}` those of the virtual server."},
		{name: "exit_codes", kind: kindWord, def: `"plain"`, words: []string{"plain", "weight", "nagios"},
			help: "`plain`: 0 is good. `weight`: 0 is good, 1 bad, 2 to 255 set the weight to the code less 2 (keepalived's `misc_dynamic`). `nagios`: 0 and 1 are good, 2 bad, 3 says nothing."},
		{name: "user", kind: kindString, defNote: "vipd's", help: "User to run as."},
	}, scriptParams},
	{healthcheck.KindFile, "A file of this host. A missing or empty file is good.", []*attr{
		{name: "path", kind: kindString, required: true, help: "Full path; `{address}` and `{port}` become those of the real server."},
		{name: "weight", kind: kindInt, min: -math.MaxUint16, max: math.MaxUint16, def: "0",
			help: "A number in the file, times this, is added to the weight. 0: a number other than 0 means down."},
		{name: "words", kind: kindBool, def: "true", help: "Understand the words of an agent too."},
	}, func(n *node) healthcheck.Params {
		return healthcheck.File{Path: get[string](n, "path"), Weight: int(get[int64](n, "weight")), Words: get[bool](n, "words")}
	}},
	{healthcheck.KindAgent, "A program on the real server that says how it is: `up`, `down`, `drain`, `75%`.", []*attr{sendAttr},
		func(n *node) healthcheck.Params { return healthcheck.Agent{Send: sendOf(n)} }},
	{kind: healthcheck.KindOn, help: "Up without asking."},
	{kind: healthcheck.KindOff, help: "Down without asking."},
}

var sqlAttrs = []*attr{
	userAttr, passAttr,
	{name: "database", kind: kindString, help: "Database to use."},
	{name: "query", kind: kindString, help: "Query that must return a row."},
	{name: "expect", kind: kindString, help: "Regular expression (RE2) that the first value of the first row must match."},
}

func sqlParams(n *node) healthcheck.Params {
	return healthcheck.SQL{User: get[string](n, "user"), Password: get[string](n, "password"),
		Database: get[string](n, "database"), Query: get[string](n, "query"), Expect: get[string](n, "expect")}
}

func mailboxParams(n *node) healthcheck.Params {
	return healthcheck.Mailbox{User: get[string](n, "user"), Password: get[string](n, "password")}
}

func scriptParams(n *node) healthcheck.Params {
	codes := healthcheck.ExitCodes(get[string](n, "exit_codes"))
	if codes == "plain" {
		codes = healthcheck.ExitPlain
	}
	return healthcheck.Script{Command: healthcheck.ListOf(texts(n, "command")...), Codes: codes, User: get[string](n, "user")}
}

func httpParams(n *node) healthcheck.Params {
	paths := texts(n, "paths")
	switch {
	case n.labels[0] == string(healthcheck.KindHTTPProxy):
		paths = []string{get[string](n, "url")}
	case len(paths) == 0:
		paths = []string{get[string](n, "path")}
	}
	return healthcheck.HTTP{
		Version: healthcheck.HTTPVersion(get[string](n, "version")), Method: get[string](n, "method"),
		Paths: healthcheck.ListOf(paths...), VirtualHost: get[string](n, "virtual_host"),
		Headers: healthcheck.ListOf(texts(n, "headers")...), Status: get[string](n, "status"),
		Expect: get[string](n, "expect"), Refuse: get[string](n, "refuse"), Digest: strings.ToLower(get[string](n, "digest")),
		JSONPath: get[string](n, "json_path"), JSONValue: get[string](n, "json_value"),
		Redirects: int(get[int64](n, "redirects")), KeepAlive: get[bool](n, "keep_alive"), TLSClose: get[bool](n, "tls_close"),
	}
}

// sendOf returns what a check sends.
func sendOf(n *node) healthcheck.Bytes {
	if n.has("send_hex") {
		return healthcheck.Bytes(get[string](n, "send_hex"))
	}
	return healthcheck.Bytes(get[string](n, "send"))
}

// texts returns a list of texts without their positions.
func texts(n *node, name string) []string {
	var all []string
	for _, t := range get[[]located[string]](n, name) {
		all = append(all, t.v)
	}
	return all
}

func join(lists ...[]*attr) []*attr {
	var all []*attr
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
