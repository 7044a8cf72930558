package healthcheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultsAreValid(t *testing.T) {
	// What has no default and must be said.
	needs := map[Kind][]string{
		KindHTTPProxy: {"path"}, KindRADIUS: {"secret", "user"}, KindScript: {"command"}, KindFile: {"path"},
	}
	for _, kind := range Kinds() {
		var fields []string
		for _, p := range (Check{Settings: Defaults(kind), Timing: DefaultTiming()}).Validate() {
			fields = append(fields, p.Field)
		}
		if diff := cmp.Diff(needs[kind], fields); diff != "" {
			t.Errorf("defaults of %s need (-want +got):\n%s", kind, diff)
		}
	}
}

// TestValidateSettings changes one thing of the defaults at a time.
func TestValidateSettings(t *testing.T) {
	tests := []struct {
		name   string
		kind   Kind
		change func(*Settings)
		want   []string // "field: summary"
	}{
		{"unknown kind", "telepathy", nil, []string{`kind: unknown kind of check "telepathy"`}},
		{"no timeout", KindTCP, func(s *Settings) { s.Timeout = 0 }, []string{"timeout: timeout 0s is shorter than 10ms"}},
		{"greeting inside of TLS", KindMySQL, func(s *Settings) { s.TLS.Mode = TLSOn }, []string{"tls: tls of kind mysql is part of a login"}},
		{"ready inside of TLS", KindPostgreSQL, func(s *Settings) { s.TLS.Mode = TLSOn }, nil},
		{"method", KindHTTP, web(func(s *HTTP) { s.Method = "DELETE" }), []string{`method: method "DELETE" is not supported`}},
		{"method in lower case", KindHTTP, web(func(s *HTTP) { s.Method = "get" }), []string{`method: method "get" is not supported`}},
		{"head", KindHTTP, web(func(s *HTTP) { s.Method = "HEAD" }), nil},
		{"head with a body", KindHTTP, web(func(s *HTTP) { s.Method, s.Expect = "HEAD", "x" }),
			[]string{"expect: the answer to HEAD has no body to look at"}},
		{"relative path", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("health") }), []string{`path: path "health" does not start with "/"`}},
		{"no path", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("") }), []string{`path: path "" does not start with "/"`}},
		{"absolute URI", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("http://a/") }), []string{`path: path "http://a/" does not start with "/"`}},
		{"request smuggling", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("/ HTTP/1.1\r\nX: y") }),
			[]string{`path: path "/ HTTP/1.1\r\nX: y" contains a space, a control or a non-ASCII character; write it as %XX`}},
		{"umlaut", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("/ä") }),
			[]string{`path: path "/ä" contains a space, a control or a non-ASCII character; write it as %XX`}},
		{"fragment", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("/a#b") }), []string{`path: path "/a#b" contains "#", which is never sent to a server`}},
		{"half an escape", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("/%4") }), []string{`path: path "/%4" contains an incomplete %XX`}},
		{"query", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("/a?b=c&d=%20") }), nil},
		{"two slashes", KindHTTP, web(func(s *HTTP) { s.Paths = ListOf("//a") }), nil},
		{"virtual host", KindHTTP, web(func(s *HTTP) { s.VirtualHost = "www.example.com" }), nil},
		{"virtual host with port", KindHTTPS, web(func(s *HTTP) { s.VirtualHost = "www.example.com:8443" }), nil},
		{"virtual host IPv6", KindHTTP, web(func(s *HTTP) { s.VirtualHost = "[2001:db8::1]:80" }), nil},
		{"virtual host URL", KindHTTP, web(func(s *HTTP) { s.VirtualHost = "http://www.example.com" }),
			[]string{`virtual_host: virtual host "http://www.example.com" is not a host name`}},
		{"virtual host with a line end", KindHTTP, web(func(s *HTTP) { s.VirtualHost = "a\r\nX: y" }),
			[]string{`virtual_host: virtual host "a\r\nX: y" is not a host name`}},
		{"virtual host with a bad port", KindHTTP, web(func(s *HTTP) { s.VirtualHost = "a:b" }),
			[]string{`virtual_host: virtual host "a:b" is not a host name`}},
		{"virtual host without a name", KindHTTP, web(func(s *HTTP) { s.VirtualHost = ":80" }),
			[]string{`virtual_host: virtual host ":80" is not a host name`}},
		{"status", KindHTTP, web(func(s *HTTP) { s.Status = "2xx" }),
			[]string{`status: parse status set "2xx": "2xx" is not a status code from 100 to 999`}},
		{"expect", KindHTTP, web(func(s *HTTP) { s.Expect = "(?<!not )alive" }),
			[]string{"expect: expect is not a regular expression: invalid named capture: `(?<!not )alive`"}},
		{"server name", KindHTTPS, func(s *Settings) { s.TLS.ServerName = "www.example.com" }, nil},
		{"address as server name", KindHTTPS, func(s *Settings) { s.TLS.ServerName = "2001:db8::1" },
			[]string{`sni: server name "2001:db8::1" is not a DNS name`}},
		{"server name with port", KindHTTPS, func(s *Settings) { s.TLS.ServerName = "a:443" }, []string{`sni: server name "a:443" is not a DNS name`}},
		{"TLS without TLS", KindHTTP, func(s *Settings) { s.TLS.ServerName, s.TLS.Verify, s.TLS.MinDays = "a", true, 7 },
			[]string{"sni: sni is for encrypted checks", "verify: verify is for encrypted checks", "min_days: min_days is for encrypted checks"}},
		{"TLS where there is none", KindPing, func(s *Settings) { s.TLS.Mode = TLSOn }, []string{`tls: checks of kind ping cannot have tls "on"`}},
		{"no TLS where it must be", KindHTTPS, func(s *Settings) { s.TLS.Mode = TLSOff }, []string{`tls: checks of kind https cannot have tls "off"`}},
		{"parameters of HTTP in a ping", KindPing, func(s *Settings) { s.Params = defaultHTTP },
			[]string{"kind: parameters of type healthcheck.HTTP do not belong to a check of kind ping"}},
		{"no parameters", KindHTTP, func(s *Settings) { s.Params = nil },
			[]string{"kind: parameters of type <nil> do not belong to a check of kind http"}},
		{"all at once", KindHTTP, func(s *Settings) { *s = Settings{Kind: KindHTTP, Params: HTTP{}} }, []string{
			"timeout: timeout 0s is shorter than 10ms", `method: method "" is not supported`,
			"path: there is no path to ask for",
			`status: parse status set "": "" is not a status code from 100 to 999`,
			`version: HTTP version "" is not supported`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Defaults(tt.kind)
			if tt.change != nil {
				tt.change(&s)
			}
			if diff := cmp.Diff(tt.want, lines(s.Validate())); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// web changes the parameters of an HTTP check.
func web(change func(*HTTP)) func(*Settings) {
	return func(s *Settings) {
		p := s.Params.(HTTP)
		change(&p)
		s.Params = p
	}
}

func lines(problems []Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Field+": "+p.Summary)
	}
	return all
}

func TestValidateTiming(t *testing.T) {
	want := []string{
		"interval: interval 5µs is shorter than 10ms", "rise: rise 0 is not at least 1", "fall: fall -1 is not at least 1",
	}
	bad := Timing{Interval: 5 * time.Microsecond, Rise: 0, Fall: -1}
	if diff := cmp.Diff(want, lines(bad.Validate())); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	both := Check{Settings: Defaults("x"), Timing: bad}.Validate()
	if len(both) != 4 {
		t.Errorf("a check with bad settings and timing has %d problems, want 4", len(both))
	}
}

func TestUnknownKindNamesTheKnown(t *testing.T) {
	hint := Defaults("x").Validate()[0].Hint
	if !slices.ContainsFunc(Kinds(), func(k Kind) bool { return strings.Contains(hint, string(k)) }) ||
		!strings.HasPrefix(hint, "known kinds: tcp, ") {
		t.Errorf("hint %q", hint)
	}
}
