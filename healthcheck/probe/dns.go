package probe

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/miekg/dns"

	"github.com/vipd/vipd/healthcheck"
)

// prepareDNS prepares a check that asks a question (RFC 1035) and judges
// response code and records. It does not ask for recursion to be avoided: what
// a client would get is what counts.
func prepareDNS(s healthcheck.Settings, _ Options) (check, error) {
	p := s.Params.(healthcheck.DNS)
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		open := connectUDP
		if p.Transport == "tcp" {
			open = connect
		}
		conn, err := open(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		answer, err := askDNS(a, conn, p)
		if err != nil {
			return "", err
		}
		return judgeDNS(answer, p, expect)
	}, nil
}

// askDNS sends the question and returns the answer to it. Over UDP, what
// answers another question is passed over: it may be late, or forged.
func askDNS(a *attempt, conn net.Conn, p healthcheck.DNS) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(p.Name), dns.StringToType[p.Type])
	question.SetEdns0(dns.DefaultMsgSize, false)
	defer a.enter(phaseAnswer, &a.result.First)()
	c := dns.Conn{Conn: conn, UDPSize: dns.DefaultMsgSize}
	if err := c.WriteMsg(question); err != nil {
		return nil, err
	}
	for {
		packet, err := c.ReadMsgHeader(nil)
		if err != nil {
			return nil, err
		}
		answer := new(dns.Msg)
		err = answer.Unpack(packet)
		ours := err == nil && answer.Response && answer.Id == question.Id && sameQuestion(question, answer)
		switch {
		case ours:
			return answer, nil
		case p.Transport == "tcp" && err != nil:
			return nil, &failure{healthcheck.ClassProtocol, "the answer is no DNS message: " + err.Error()}
		case p.Transport == "tcp":
			return nil, &failure{healthcheck.ClassProtocol, "the answer is to another question"}
		}
	}
}

// sameQuestion compares questions; servers that only report an error may leave
// it out.
func sameQuestion(asked, answered *dns.Msg) bool {
	if len(answered.Question) == 0 {
		return answered.Rcode != dns.RcodeSuccess
	}
	a, b := asked.Question[0], answered.Question[0]
	return len(answered.Question) == 1 && a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

// judgeDNS judges an answer.
func judgeDNS(m *dns.Msg, p healthcheck.DNS, expect *regexp.Regexp) (string, error) {
	code := dns.RcodeToString[m.Rcode]
	if code == "" {
		code = fmt.Sprint("code ", m.Rcode)
	}
	if code != p.Code {
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("DNS answer %s, expected %s", code, p.Code)}
	}
	if expect == nil {
		return fmt.Sprintf("DNS answer %s with %d records", code, len(m.Answer)), nil
	}
	var records []string
	for _, rr := range m.Answer {
		record := strings.Join(strings.Fields(rr.String()), " ")
		if expect.MatchString(record) {
			return "DNS answer " + shorten(record), nil
		}
		records = append(records, record)
	}
	if m.Truncated {
		return "", &failure{healthcheck.ClassBody, fmt.Sprintf("%q not found in what fits into a datagram: ask over tcp", shorten(p.Expect))}
	}
	return "", &failure{healthcheck.ClassBody, mismatch(p.Expect, "records", []byte(strings.Join(records, "; ")))}
}
