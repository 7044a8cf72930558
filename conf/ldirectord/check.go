package ldirectord

import (
	"strconv"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
)

// known are what ldirectord negotiates, with the port and the kind of check.
var known = []struct {
	service string
	port    int
	kind    string
	tls     bool
}{
	{"http", 80, "http", false}, {"https", 443, "https", false}, {"http_proxy", 3128, "http_proxy", false},
	{"smtp", 25, "smtp", false}, {"submission", 587, "smtp", false},
	{"pop", 110, "pop3", false}, {"pops", 995, "pop3", true},
	{"imap", 143, "imap", false}, {"imaps", 993, "imap", true},
	{"ftp", 21, "ftp", false}, {"dns", 53, "dns", false}, {"nntp", 119, "nntp", false},
	{"ldap", 389, "ldap", false}, {"ldaps", 636, "ldap", true}, {"radius", 1812, "radius", false},
	{"mysql", 3306, "mysql", false}, {"pgsql", 5432, "postgresql", false}, {"oracle", 1521, "oracle", false},
	{"sip", 5060, "sip", false}, {"simpletcp", 0, "tcp", false}, {"none", 0, "on", false},
}

// serviceOf returns the service that a port stands for.
func serviceOf(port int) string {
	for _, k := range known {
		if k.port == port && port != 0 {
			return k.service
		}
	}
	return "none"
}

// portOf returns the port that a service has by itself.
func portOf(service string) int {
	for _, k := range known {
		if k.service == service {
			return k.port
		}
	}
	return 0
}

// checkType is what to do to a real server.
type checkType struct {
	kind  string // of the check
	tls   bool
	cheap int  // connections between two negotiations
	deep  bool // a negotiation
}

// checkType reads the directive checktype.
func (t *translator) checkType(s *service) (checkType, bool) {
	text, at := s.text("checktype"), s.where("checktype")
	switch digit := digits.FindString(text); {
	case digit != "":
		n, err := strconv.Atoi(digit)
		if err != nil || n < 1 {
			t.errorf("bad_checktype", at, "", "checktype %s is out of range", text)
			return checkType{}, false
		}
		if digit != text {
			t.warnf("odd_number", at, "write the number alone", "checktype = %s is read as %s: one negotiation, then %s connections", text, digit, digit)
		}
		c, ok := t.negotiation(s)
		if c.kind != "on" {
			c.cheap = n
		}
		return c, ok
	case text == "" || text == "negotiate":
		return t.negotiation(s)
	case text == "connect" && s.protocol == "udp":
		t.warnf("connect_udp", at, "use negotiate, or checktype = ping", "checktype = connect is a ping with UDP")
		return checkType{kind: "ping"}, true
	case text == "connect":
		return checkType{kind: "tcp"}, true
	case text == "ping" || text == "on" || text == "off":
		return checkType{kind: text}, true
	case text == "external" || text == "external-perl":
		if s.text("checkcommand") == "" {
			t.warnf("no_command", at, "", "there is no checkcommand: like ldirectord, /bin/true is run, so that the real servers are always up")
		}
		return checkType{kind: "script"}, true
	}
	t.errorf("bad_checktype", at, "negotiate, connect, a number, ping, external, external-perl, on or off", "unknown checktype %q", text)
	return checkType{}, false
}

// negotiation is the check of the service.
func (t *translator) negotiation(s *service) (checkType, bool) {
	for _, k := range known {
		if k.service != s.kind {
			continue
		}
		if k.kind == "on" && s.mark == 0 && !s.has("service") {
			t.warnf("no_check", s.block.at, "set service, or checktype = connect",
				"port %d has no known service: as with ldirectord the real servers are always up", s.port)
		} else if k.kind == "on" && !s.has("service") {
			t.warnf("no_check", s.block.at, "set service, or checktype = connect and checkport", "a firewall mark has no service: as with ldirectord the real servers are always up")
		}
		return checkType{kind: k.kind, tls: k.tls, deep: true}, true
	}
	var words []string
	for _, k := range known {
		words = append(words, k.service)
	}
	hint := ""
	if near := conf.Nearest(s.kind, words); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	t.errorf("bad_service", s.where("service"), hint, "unknown service %q", s.kind)
	return checkType{}, false
}

// check puts the check for a real server into a block.
func (t *translator) check(s *service, c checkType, r real, parent *conf.Block) {
	out := parent.Add("check", c.kind).At(s.where("checktype"))
	if r.own {
		out.At(r.at)
	}
	if c.kind == "on" || c.kind == "off" {
		return
	}
	timeout := s.check
	if c.deep && c.kind != "ldap" && c.kind != "radius" {
		timeout = s.negotiate
	}
	out.Set("interval", time.Duration(s.interval)*time.Second)
	out.Set("timeout", time.Duration(timeout)*time.Second)
	out.Set("fall", s.failures)
	if c.cheap > 0 {
		out.Set("cheap", c.cheap)
	}
	if file := s.text("monitorfile"); file != "" {
		out.SetAt("log_file", file, s.where("monitorfile"))
	}
	if c.tls {
		out.Set("tls", "on")
	}
	if port := s.checkPort(r); port != 0 && c.kind != "ping" && c.kind != "script" {
		out.Set("port", port)
	}
	switch {
	case c.kind == "script":
		t.script(s, out)
	case c.deep:
		t.dialogue(s, c, r, out)
	}
}

// script is an external check. ldirectord gives it four arguments and no
// shell.
func (t *translator) script(s *service, out *conf.Block) {
	at, command := s.where("checkcommand"), s.text("checkcommand")
	if command == "" {
		command = "/bin/true"
	}
	if strings.ContainsAny(command, " ") {
		t.warnf("differs", at, "write a script that has the arguments", "ldirectord runs %q as the name of one file, spaces and all", command)
	}
	words := []string{command}
	if s.text("checktype") == "external-perl" {
		words = []string{"/usr/bin/perl", command}
		t.warnf("differs", at, "", "ldirectord runs %s within its own process; here it is a program run by perl, whose exit status counts", command)
	}
	host, port := s.host, strconv.Itoa(s.port)
	if s.mark != 0 {
		host, port = strconv.Itoa(s.mark), strconv.Itoa(s.mark)
	}
	out.SetAt("command", append(words, host, port, "{address}", "{port}"), at)
}

// dialogue sets what a negotiation asks and expects.
func (t *translator) dialogue(s *service, c checkType, r real, out *conf.Block) {
	d := &dialogue{translator: t, service: s, out: out, request: s.text("request"), receive: s.text("receive"), requestAt: s.where("request"), receiveAt: s.where("receive")}
	if r.own {
		d.request, d.receive, d.requestAt, d.receiveAt = r.request, r.receive, r.at, r.at
	}
	switch c.kind {
	case "http", "https", "http_proxy":
		d.http(c.kind)
	case "pop3", "imap":
		d.login("user", "password")
	case "ftp":
		d.ftp()
	case "dns":
		d.dns()
	case "ldap":
		d.login("user", "password")
		d.set("base", strings.TrimPrefix(d.request, "/"), d.requestAt)
		d.set("expect", d.receive, d.receiveAt)
	case "radius":
		d.login("user", "password")
		d.set("secret", s.text("secret"), s.where("secret"))
	case "mysql", "postgresql":
		d.login("user", "password")
		d.set("database", s.text("database"), s.where("database"))
		d.set("query", strings.TrimPrefix(d.request, "/"), d.requestAt)
	case "oracle":
		d.set("service", s.text("database"), s.where("database"))
		t.warnf("differs", s.block.at, "", "the Oracle check asks the listener for the service; it does not log in nor run a query")
	case "sip":
		d.sip()
	case "tcp":
		d.simpleTCP()
	}
}

// dialogue is one negotiation.
type dialogue struct {
	*translator
	*service
	out                  *conf.Block
	request, receive     string
	requestAt, receiveAt conf.Origin
}

// set sets an attribute that is not empty.
func (d *dialogue) set(name, value string, at conf.Origin) {
	if value != "" {
		d.out.SetAt(name, value, at)
	}
}

func (d *dialogue) login(user, password string) {
	d.set(user, d.service.text("login"), d.where("login"))
	if d.service.text("login") != "" {
		d.set(password, d.service.text("passwd"), d.where("passwd"))
	}
}

// redirects is how many LWP follows.
const redirects = 7

func (d *dialogue) http(kind string) {
	switch {
	case kind == "http_proxy":
		d.set("url", strings.TrimPrefix(d.request, "/"), d.requestAt)
	case strings.Contains(d.request, "://"):
		d.errorf("request_url", d.requestAt, "write the path, and virtualhost for the name", "request %q is a URL: the check would go to another server than the one it is for", d.request)
	case d.request != "":
		d.set("path", "/"+strings.TrimPrefix(d.request, "/"), d.requestAt)
	}
	method := d.service.text("httpmethod")
	if method != "" && method != "GET" {
		d.set("method", method, d.where("httpmethod"))
	}
	if kind != "http_proxy" {
		d.set("virtual_host", d.service.text("virtualhost"), d.where("virtualhost"))
	}
	if method == "HEAD" && d.receive != "" {
		d.warnf("differs", d.receiveAt, "", "the answer to HEAD has no body: receive never matched, and is left out")
	} else {
		d.set("expect", d.receive, d.receiveAt)
	}
	d.out.Set("redirects", redirects)
}

// ftp: ldirectord logs in as anonymous when no login is set.
func (d *dialogue) ftp() {
	d.login("user", "password")
	path := strings.TrimPrefix(d.request, "/")
	d.set("path", path, d.requestAt)
	if path != "" {
		d.set("expect", d.receive, d.receiveAt)
	}
}

// dns: the answer is compared with the pattern as an address alone.
func (d *dialogue) dns() {
	d.out.SetAt("name", strings.TrimPrefix(d.request, "/"), d.requestAt)
	d.out.Set("type", "A")
	if d.service.protocol == "tcp" {
		d.out.Set("transport", "tcp")
	}
	if strings.TrimPrefix(d.request, "/") == "" {
		d.errorf("missing_request", d.requestAt, `request = "www.example.com"`, "a dns check needs a name to ask for")
	}
	if d.receive == "" {
		d.warnf("differs", d.receiveAt, "set receive", "without receive ldirectord takes no answer of a name server for good; here any answer is")
	}
	d.set("expect", strings.Replace(d.receive, "^", `\s`, 1), d.receiveAt)
}

func (d *dialogue) sip() {
	user, domain, found := strings.Cut(d.service.text("login"), "@")
	d.set("user", user, d.where("login"))
	if found {
		d.set("domain", domain, d.where("login"))
	}
	if d.service.protocol == "tcp" {
		d.out.Set("transport", "tcp")
	}
}

// simpleTCP: "\n" in the request is a line end.
func (d *dialogue) simpleTCP() {
	d.set("send", strings.ReplaceAll(strings.TrimPrefix(d.request, "/"), `\n`, "\n"), d.requestAt)
	d.out.Set("finish", true)
	d.set("expect", d.receive, d.receiveAt)
}
