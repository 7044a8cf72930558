package probe

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/miekg/dns"

	"github.com/vipd/vipd/healthcheck"
)

// FuzzAnswers feeds whatever a server may say to every parser of this package:
// none may panic, and none may take noise for a good answer by accident of a
// length.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"\x4a\x00\x00\x00\x0a8.0.36\x00", "\x00\x20\x00\x00\x04\x00\x00\x00(ERR=0)", "SIP/2.0 200 OK\r\nCall-ID: a\r\nContent-Length: 9\r\n\r\n",
		"\x00\x00\x00\x00\x02\x08\x01", "229 Extended (|||6446|)", "227 (127,0,0,1,25,200)", "$5\r\nhello\r\n", "SFATAL\x00C57P03\x00Mstarting\x00\x00",
		"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "http://b:8080/c?d#e", "//b/c", "../d",
	} {
		f.Add([]byte(seed))
	}
	never := regexp.MustCompile("^never$")
	asked := radiusPacket(healthcheck.RADIUS{User: "u", Secret: "s"})
	f.Fuzz(func(t *testing.T, answer []byte) {
		reader := func() *bufio.Reader { return bufio.NewReader(bytes.NewReader(answer)) }
		_, _ = mysqlGreeting(reader())
		if kind, body, err := tnsPacket(reader()); err == nil {
			_, _ = judgeTNS(kind, body)
		}
		_, _, _ = sipResponse(reader(), "a")
		_, _ = parseHealth(answer)
		_, _ = extendedPort(string(answer))
		_, _ = passivePort(string(answer))
		_, _ = judgePostgreSQL(answer)
		if code, err := radiusAnswer(answer, asked, "s"); err == nil {
			t.Errorf("forged answer of code %d was believed", code)
		}
		if packet, err := ber.ReadPacket(bytes.NewReader(answer)); err == nil {
			_ = ldap.GetLDAPError(packet)
		}
		if m := new(dns.Msg); m.Unpack(answer) == nil {
			_, _ = judgeDNS(m, healthcheck.DNS{Code: "NOERROR"}, never)
		}
		here := request{host: "a", target: "http://a/"}
		for _, next := range []func(request, string) (request, error){request.redirected, request.through} {
			if r, err := next(here, string(answer)); err == nil && strings.ContainsFunc(r.host+r.target, func(c rune) bool { return c <= ' ' || c > '~' }) {
				t.Errorf("a redirect writes %q", r.host+r.target)
			}
		}
		file := newAttempt(healthcheck.Key{})
		_, _ = file.judgeFile(string(answer), healthcheck.File{Words: true, Weight: 65535})
		s := &stream{a: &attempt{key: healthcheck.Key{Settings: healthcheck.Defaults(healthcheck.KindFTP)}}, in: bufio.NewReaderSize(bytes.NewReader(answer), maxLine)}
		_, _, _ = s.reply()
		s.in = bufio.NewReaderSize(bytes.NewReader(answer), maxLine)
		if line, err := s.line(); err == nil && strings.HasPrefix(line, "$") {
			_, _ = s.redisBulk("INFO", line)
		}
	})
}
