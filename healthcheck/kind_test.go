package healthcheck

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type reporter interface {
	Helper()
	Fatalf(string, ...any)
}

func roundTrip(t reporter, want Settings) {
	t.Helper()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatalf("%v", err)
	}
	got := Settings{Params: HTTP{}} // of an earlier use
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Fatalf("%s\nreads back as %+v, %v\nwant %+v", text, got, err, want)
	}
}

func TestSettingsRefuseForeignJSON(t *testing.T) {
	for _, text := range []string{`[]`, `{"Kind": "http", "Params": 5}`, `{"Kind": "udp", "Params": {"Send": "not quoted"}}`, `{"Kind": "http", "Params": {"Paths": "x"}}`} {
		var s Settings
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s reads as %+v", text, s)
		}
	}
}

// TestValidateParams changes one thing of valid settings at a time.
func TestValidateParams(t *testing.T) {
	radius := RADIUS{User: "u", Secret: "s"}
	tests := []struct {
		kind   Kind
		params Params
		want   []string
	}{
		{KindTCP, TCP{Expect: "("}, []string{"expect: expect is not a regular expression: missing closing ): `(`"}},
		{KindUDP, UDP{Send: Bytes(strings.Repeat("a", 70000))}, []string{"send: send has 70000 bytes, more than 65507"}},
		{KindUDP, UDP{Silent: true, Expect: "x"}, []string{"expect: expect means nothing where silence is success"}},
		{KindSMTP, SMTP{Hello: "a b"}, []string{"hello: hello contains a space, a control or a non-ASCII character"}},
		{KindSMTP, SMTP{}, []string{"hello: hello is empty"}},
		{KindIMAP, Mailbox{User: "a\r\na2 DELETE", Password: "p"}, []string{"user: user contains a control character"}},
		{KindPOP3, Mailbox{Password: "p"}, []string{"password: password needs user"}},
		{KindFTP, FTP{User: "a", Path: "x\r\nDELE y"}, []string{"path: path contains a control character"}},
		{KindFTP, FTP{Path: "x", Expect: "y"}, []string{"path: path needs user"}},
		{KindDNS, DNS{Name: "a..b", Type: "AAAAA", Code: "MAYBE", Transport: "sctp"}, []string{`name: "a..b" is not a domain name`,
			`type: unknown type of record "AAAAA"`, `code: unknown response code "MAYBE"`, `transport: transport "sctp" is neither udp nor tcp`}},
		{KindLDAP, LDAP{User: "cn=a"}, []string{"user: user needs password"}},
		{KindLDAP, LDAP{Base: "a=b", Filter: "x"}, []string{`filter: filter "x" is not an LDAP filter`}},
		{KindMySQL, SQL{Query: "SELECT 1"}, []string{"query: query needs user"}},
		{KindPostgreSQL, SQL{User: "a\x00b"}, []string{"user: user, password or database contains a NUL"}},
		{KindOracle, Oracle{Service: "a)(b"}, []string{`service: service "a)(b" contains a bracket or =`}},
		{KindRADIUS, RADIUS{}, []string{"secret: a radius check needs a secret", "user: a radius check needs a user"}},
		{KindRADIUS, func() RADIUS { r := radius; r.Password = strings.Repeat("p", 129); return r }(), []string{"password: password is longer than 128 bytes"}},
		{KindSIP, SIP{User: "a@b", Transport: "udp", Status: "200"}, []string{`user: user "a@b" cannot stand in a SIP address`}},
		{KindSIP, SIP{User: "a", Transport: "udp", Status: "2xx"}, []string{`status: parse status set "2xx": "2xx" is not a status code from 100 to 999`}},
		{KindRedis, Redis{User: "a", Role: "king"}, []string{"user: user needs password", `role: unknown role "king"`}},
		{KindGRPC, GRPC{Authority: "a/b"}, []string{`authority: authority "a/b" is not a host name`}},
		{KindScript, Script{Command: ListOf("check")}, []string{`command: program "check" is not an absolute path`}},
		{KindScript, Script{Command: ListOf("/c"), Codes: "odd"}, []string{`exit_codes: unknown meaning of exit codes "odd"`}},
		{KindFile, File{Path: "x"}, []string{`path: path "x" is not an absolute path`}},
	}
	for _, tt := range tests {
		s := Defaults(tt.kind)
		s.Params = tt.params
		if diff := cmp.Diff(tt.want, lines(s.Validate())); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", tt.kind, tt.params, diff)
		}
	}
}

func TestPublicHidesSecrets(t *testing.T) {
	for kind, params := range map[Kind]Params{
		KindIMAP: Mailbox{User: "u", Password: "geheim"}, KindFTP: FTP{User: "u", Password: "geheim"}, KindMySQL: SQL{User: "u", Password: "geheim"},
		KindLDAP: LDAP{User: "u", Password: "geheim"}, KindRedis: Redis{Password: "geheim"}, KindRADIUS: RADIUS{User: "u", Password: "geheim", Secret: "geheim"},
		KindHTTP: HTTP{Headers: ListOf("Authorization: geheim")},
	} {
		s := Defaults(kind)
		s.Params = params
		text, err := json.Marshal(s.Public())
		if err != nil || strings.Contains(string(text), "geheim") {
			t.Errorf("%s shows %s, %v", kind, text, err)
		}
		if s.Params != params {
			t.Errorf("%s: the settings themselves changed", kind)
		}
	}
}

// FuzzSettings: settings come from other processes and from files of the state.
// What is read is written back as it was.
func FuzzSettings(f *testing.F) {
	for _, k := range Kinds() {
		text, err := json.Marshal(Defaults(k))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second Settings
		if json.Unmarshal(text, &first) != nil {
			return
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &second); err != nil || first != second {
			t.Errorf("%+v became %+v: %v", first, second, err)
		}
		_ = first.Validate()
	})
}
