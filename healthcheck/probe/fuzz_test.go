package probe

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/vipd/vipd/healthcheck"
)

// FuzzAnswers feeds whatever a server may say to every parser of this package:
// none may panic, and none may take noise for a good answer by accident of a
// length.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"\x4a\x00\x00\x00\x0a8.0.36\x00", "\x00\x20\x00\x00\x04\x00\x00\x00(ERR=0)", "SIP/2.0 200 OK\r\nCall-ID: a\r\nContent-Length: 9\r\n\r\n",
		"\x00\x00\x00\x00\x02\x08\x01", "229 Extended (|||6446|)", "227 (127,0,0,1,25,200)", "$5\r\nhello\r\n", "SFATAL\x00C57P03\x00Mstarting\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	request := radiusPacket(healthcheck.RADIUS{User: "u", Secret: "s"})
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
		if code, err := radiusAnswer(answer, request, "s"); err == nil {
			t.Errorf("forged answer of code %d was believed", code)
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
