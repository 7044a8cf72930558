package healthcheck

import (
	"net/url"
	"strings"
)

// HTTP are the parameters of kinds http, https and http_proxy.
type HTTP struct {
	Version     HTTPVersion  `json:",omitzero"`
	Method      string       `json:",omitzero"` // GET or HEAD
	Paths       List[string] `json:",omitzero"` // request targets, one request each; http_proxy: absolute URLs
	VirtualHost string       `json:",omitzero"` // Host header; empty = target address, http_proxy: that of the URL
	Headers     List[string] `json:",omitzero"` // further fields, "Name: value"
	Status      string       `json:",omitzero"` // comma-separated codes and ranges, "200-299,304"
	Expect      string       `json:",omitzero"` // RE2 over the body; empty = any
	Refuse      string       `json:",omitzero"` // RE2 that must not match the body; empty = none
	Digest      string       `json:",omitzero"` // MD5 (32 digits) or SHA-256 (64) of the body; empty = any
	JSONPath    string       `json:",omitzero"` // of a value in the body (ParseJSONPath); empty = not looked at
	JSONValue   string       `json:",omitzero"` // what that value must be, as text
	Redirects   int          `json:",omitzero"` // how many to follow, always to the same target
	KeepAlive   bool         `json:",omitzero"` // keep the connection for the next probe
	// TLSClose: a page that the end of the connection ends must be ended by TLS's
	// own closure alert (RFC 8446 section 6.1), or it may have been cut off.
	TLSClose bool `json:",omitzero"`
}

// HTTPVersion is a version of HTTP.
type HTTPVersion string

// Versions of HTTP.
const (
	HTTP10 HTTPVersion = "1.0"
	// HTTP10Close is 1.0 with the field that asks to close the connection, for
	// servers that would keep it.
	HTTP10Close HTTPVersion = "1.0C"
	HTTP1       HTTPVersion = "1.1"
	HTTP2       HTTPVersion = "2" // without TLS by prior knowledge (RFC 9113 section 3.3)
)

var defaultHTTP = HTTP{Version: HTTP1, Method: "GET", Paths: ListOf("/"), Status: "200-299"}

// maxRedirects bounds what one probe follows.
const maxRedirects = 10

func (h HTTP) validate(s Settings, p *problems) {
	h.validateRequest(s.Kind, p)
	h.validateAnswer(p)
	if h.TLSClose && (s.TLS.Mode == TLSOff || h.Version == HTTP2) {
		p.add("tls_close", "", "tls_close is for encrypted checks over HTTP/1")
	}
	switch h.Version {
	case HTTP10, HTTP10Close:
		if h.KeepAlive {
			p.add("version", "", "HTTP/1.0 is not for keep_alive")
		}
	case HTTP2:
		if s.Kind == KindHTTPProxy || h.KeepAlive {
			p.add("version", "", "HTTP/2 is neither for http_proxy nor for keep_alive")
		}
	case HTTP1:
	default:
		p.add("version", `use "1.0", "1.1" or "2"`, "HTTP version %q is not supported", h.Version)
	}
}

// validateRequest judges what goes to the server.
func (h HTTP) validateRequest(kind Kind, p *problems) {
	if h.Method != "GET" && h.Method != "HEAD" {
		p.add("method", "use GET or HEAD", "method %q is not supported", h.Method)
	}
	paths := h.Paths.All()
	if len(paths) == 0 {
		p.add("path", `for example "/health"`, "there is no path to ask for")
	}
	for _, path := range paths {
		if kind == KindHTTPProxy {
			p.proxyURL(path)
		} else if why := badPath(path); why != "" {
			p.add("path", `for example "/health"`, "path %q %s", path, why)
		}
	}
	if h.VirtualHost != "" && !validHost(h.VirtualHost) {
		p.add("virtual_host", "write a host name, with a port if it is an unusual one",
			"virtual host %q is not a host name", h.VirtualHost)
	}
	for _, field := range h.Headers.All() {
		if !validField(field) {
			p.add("headers", `for example "X-Probe: vipd"`, "%q is not a header field", field)
		}
	}
	if h.Redirects < 0 || h.Redirects > maxRedirects {
		p.add("redirects", "", "redirects %d is out of range: 0 to %d", h.Redirects, maxRedirects)
	}
}

// proxyURL judges what a proxy is asked for (RFC 9112 section 3.2.2:
// absolute-form).
func (p *problems) proxyURL(text string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.Fragment != "" || strings.ContainsFunc(text, notVisible) {
		p.add("path", `for example "http://www.example.com/"`, "path %q is not a URL to ask a proxy for", text)
	}
}

// badPath says what is wrong with a request target (RFC 9112 section 3.2.1:
// origin-form), "" if nothing is.
func badPath(path string) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return `does not start with "/"`
	case strings.ContainsFunc(path, notVisible):
		return "contains a space, a control or a non-ASCII character; write it as %XX"
	case strings.Contains(path, "#"):
		return `contains "#", which is never sent to a server`
	}
	if _, err := url.ParseRequestURI(path); err != nil {
		return "contains an incomplete %XX"
	}
	return ""
}

// tokenChars are the characters of a field name (RFC 9110 section 5.6.2).
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// ours are fields that the probe writes itself.
var ours = []string{"host", "connection", "content-length", "transfer-encoding", "upgrade"}

// validField reports whether a text may be sent as a header field.
func validField(text string) bool {
	name, value, found := strings.Cut(text, ":")
	for _, o := range ours {
		if strings.EqualFold(name, o) {
			return false
		}
	}
	printable := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' })
	return found && name != "" && strings.Trim(name, tokenChars) == "" && printable
}

// validateAnswer judges what is expected from the server.
func (h HTTP) validateAnswer(p *problems) {
	if _, err := ParseStatusSet(h.Status); err != nil {
		p.add("status", `for example "200-299,304"`, "%v", err)
	}
	p.regexp("expect", h.Expect)
	p.regexp("refuse", h.Refuse)
	if h.Digest != "" && !validDigest(h.Digest) {
		p.add("digest", "32 hexadecimal digits of MD5 or 64 of SHA-256, lower case", "digest %q is not a digest", h.Digest)
	}
	if _, err := ParseJSONPath(h.JSONPath); err != nil {
		p.add("json_path", `for example "status" or "checks[0].state"`, "%v", err)
	}
	p.needs("json_value", h.JSONValue != "", "json_path", h.JSONPath != "")
	if h.Method == "HEAD" && (h.Expect != "" || h.Refuse != "" || h.Digest != "" || h.JSONPath != "") {
		p.add(h.looksAt(), "use GET", "the answer to HEAD has no body to look at")
	}
}

// looksAt names the field that needs the body.
func (h HTTP) looksAt() string {
	switch {
	case h.Refuse != "":
		return "refuse"
	case h.Expect != "":
		return "expect"
	case h.Digest != "":
		return "digest"
	}
	return "json_path"
}

func validDigest(d string) bool {
	return (len(d) == 32 || len(d) == 64) && strings.Trim(d, "0123456789abcdef") == ""
}
