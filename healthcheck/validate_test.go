package healthcheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, kind := range Kinds() {
		c := Check{Settings: Defaults(kind), Timing: DefaultTiming()}
		if p := c.Validate(); p != nil {
			t.Errorf("defaults of %s: %+v", kind, p)
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
		{"method", KindHTTP, func(s *Settings) { s.Method = "DELETE" }, []string{`method: method "DELETE" is not supported`}},
		{"method in lower case", KindHTTP, func(s *Settings) { s.Method = "get" }, []string{`method: method "get" is not supported`}},
		{"head", KindHTTP, func(s *Settings) { s.Method = "HEAD" }, nil},
		{"head with a body", KindHTTP, func(s *Settings) { s.Method, s.Expect = "HEAD", "x" },
			[]string{"expect: the answer to HEAD has no body to expect text in"}},
		{"relative path", KindHTTP, func(s *Settings) { s.Path = "health" }, []string{`path: path "health" does not start with "/"`}},
		{"no path", KindHTTP, func(s *Settings) { s.Path = "" }, []string{`path: path "" does not start with "/"`}},
		{"absolute URI", KindHTTP, func(s *Settings) { s.Path = "http://a/" }, []string{`path: path "http://a/" does not start with "/"`}},
		{"request smuggling", KindHTTP, func(s *Settings) { s.Path = "/ HTTP/1.1\r\nX: y" },
			[]string{`path: path "/ HTTP/1.1\r\nX: y" contains a space, a control or a non-ASCII character; write it as %XX`}},
		{"umlaut", KindHTTP, func(s *Settings) { s.Path = "/ä" },
			[]string{`path: path "/ä" contains a space, a control or a non-ASCII character; write it as %XX`}},
		{"fragment", KindHTTP, func(s *Settings) { s.Path = "/a#b" }, []string{`path: path "/a#b" contains "#", which is never sent to a server`}},
		{"half an escape", KindHTTP, func(s *Settings) { s.Path = "/%4" }, []string{`path: path "/%4" contains an incomplete %XX`}},
		{"query", KindHTTP, func(s *Settings) { s.Path = "/a?b=c&d=%20" }, nil},
		{"two slashes", KindHTTP, func(s *Settings) { s.Path = "//a" }, nil},
		{"virtual host", KindHTTP, func(s *Settings) { s.VirtualHost = "www.example.com" }, nil},
		{"virtual host with port", KindHTTPS, func(s *Settings) { s.VirtualHost = "www.example.com:8443" }, nil},
		{"virtual host IPv6", KindHTTP, func(s *Settings) { s.VirtualHost = "[2001:db8::1]:80" }, nil},
		{"virtual host URL", KindHTTP, func(s *Settings) { s.VirtualHost = "http://www.example.com" },
			[]string{`virtual_host: virtual host "http://www.example.com" is not a host name`}},
		{"virtual host with a line end", KindHTTP, func(s *Settings) { s.VirtualHost = "a\r\nX: y" },
			[]string{`virtual_host: virtual host "a\r\nX: y" is not a host name`}},
		{"virtual host with a bad port", KindHTTP, func(s *Settings) { s.VirtualHost = "a:b" },
			[]string{`virtual_host: virtual host "a:b" is not a host name`}},
		{"virtual host without a name", KindHTTP, func(s *Settings) { s.VirtualHost = ":80" },
			[]string{`virtual_host: virtual host ":80" is not a host name`}},
		{"status", KindHTTP, func(s *Settings) { s.Status = "2xx" },
			[]string{`status: parse status set "2xx": "2xx" is not a status code from 100 to 999`}},
		{"expect", KindHTTP, func(s *Settings) { s.Expect = "(?<!not )alive" },
			[]string{"expect: expect is not a regular expression: invalid named capture: `(?<!not )alive`"}},
		{"server name", KindHTTPS, func(s *Settings) { s.SNI = "www.example.com" }, nil},
		{"address as server name", KindHTTPS, func(s *Settings) { s.SNI = "2001:db8::1" },
			[]string{`sni: server name "2001:db8::1" is not a DNS name`}},
		{"server name with port", KindHTTPS, func(s *Settings) { s.SNI = "a:443" }, []string{`sni: server name "a:443" is not a DNS name`}},
		{"TLS without TLS", KindHTTP, func(s *Settings) { s.SNI, s.VerifyTLS = "a", true },
			[]string{"sni: sni is for checks of kind https", "verify_tls: verify_tls is for checks of kind https"}},
		{"everything of HTTP in a ping", KindPing, func(s *Settings) {
			s.Method, s.Path, s.VirtualHost, s.Status, s.Expect = "GET", "/", "a", "200", "x"
		}, []string{
			"method: method is for checks of kind http and https", "path: path is for checks of kind http and https",
			"virtual_host: virtual_host is for checks of kind http and https",
			"status: status is for checks of kind http and https", "expect: expect is for checks of kind http and https",
		}},
		{"all at once", KindHTTP, func(s *Settings) { *s = Settings{Kind: KindHTTP} }, []string{
			"timeout: timeout 0s is shorter than 10ms", `method: method "" is not supported`,
			`path: path "" does not start with "/"`,
			`status: parse status set "": "" is not a status code from 100 to 999`,
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
