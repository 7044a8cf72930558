package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// prepareSIP prepares a check that sends OPTIONS (RFC 3261 section 11) and
// judges the final answer's status.
func prepareSIP(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.SIP)
	status, err := healthcheck.ParseStatusSet(p.Status)
	if err != nil {
		return nil, err
	}
	if p.Transport == "udp" {
		return func(ctx context.Context, a *attempt) (string, error) { return sipUDP(ctx, a, p, status) }, nil
	}
	via := "TCP"
	if s.TLS.Mode != healthcheck.TLSOff {
		via = "TLS"
	}
	return streamed(s, o, func(_ context.Context, t *stream) (string, error) {
		call := rand.Text()
		if err := t.send(sipRequest(t.a, t.conn.LocalAddr(), p, via, call)); err != nil {
			return "", err
		}
		for {
			code, ours, err := sipResponse(t.in, call)
			if err != nil {
				return "", err
			}
			if ours && code >= 200 {
				return judgeSIP(code, p, status)
			}
		}
	}), nil
}

// sipUDP sends the request as one datagram. It is not repeated within a probe:
// the fall count is what forgives a lost packet.
func sipUDP(ctx context.Context, a *attempt, p healthcheck.SIP, status healthcheck.StatusSet) (string, error) {
	conn, err := connectUDP(ctx, a)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer limit(ctx, conn)()
	defer a.enter(phaseAnswer, &a.result.First)()
	call := rand.Text()
	if _, err := conn.Write([]byte(sipRequest(a, conn.LocalAddr(), p, "UDP", call))); err != nil {
		return "", err
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return "", err
		}
		code, ours, err := sipResponse(bufio.NewReader(bytes.NewReader(buf[:n])), call)
		if err == nil && ours && code >= 200 {
			return judgeSIP(code, p, status)
		}
	}
}

func judgeSIP(code int, p healthcheck.SIP, status healthcheck.StatusSet) (string, error) {
	if !status.Contains(code) {
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("SIP status %d, expected %s", code, p.Status)}
	}
	return fmt.Sprintf("SIP status %d", code), nil
}

// sipRequest returns an OPTIONS request (RFC 3261 section 8.1.1).
func sipRequest(a *attempt, local net.Addr, p healthcheck.SIP, via, call string) string {
	domain := p.Domain
	if domain == "" {
		domain = spoken(a.key.Target).String()
	}
	uri := "sip:" + p.User + "@" + domain
	here := local.String()
	if address, err := netip.ParseAddrPort(here); err == nil {
		here = spoken(address).String()
	}
	return strings.Join([]string{
		"OPTIONS " + uri + " SIP/2.0",
		"Via: SIP/2.0/" + via + " " + here + ";rport;branch=z9hG4bK" + call,
		"Max-Forwards: 70",
		"From: <" + uri + ">;tag=" + call[:8],
		"To: <" + uri + ">",
		"Call-ID: " + call,
		"CSeq: 1 OPTIONS",
		"Contact: <sip:vipd@" + here + ">",
		"User-Agent: vipd",
		"Accept: application/sdp",
		"Content-Length: 0",
		"", "",
	}, "\r\n")
}

// sipResponse reads one response and its body. ours tells whether it is for
// the call.
func sipResponse(in *bufio.Reader, call string) (code int, ours bool, err error) {
	text := textproto.NewReader(in)
	first, err := text.ReadLine()
	if err != nil {
		return 0, false, err
	}
	rest, found := strings.CutPrefix(first, "SIP/2.0 ")
	digits, _, _ := strings.Cut(rest, " ")
	if code, err = strconv.Atoi(digits); !found || err != nil || code < 100 || code > 699 {
		return 0, false, &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not SIP: %q", shorten(first))}
	}
	header, err := text.ReadMIMEHeader()
	var malformed textproto.ProtocolError
	if errors.As(err, &malformed) {
		return 0, false, &failure{healthcheck.ClassProtocol, "SIP header: " + err.Error()}
	}
	if err != nil {
		return 0, false, err
	}
	length := header.Get("Content-Length") + header.Get("L") // short form
	if n, err := strconv.ParseUint(length, 10, 16); err == nil {
		if _, err := in.Discard(int(n)); err != nil {
			return 0, false, err
		}
	}
	id := header.Get("Call-Id") + header.Get("I")
	return code, id == call, nil
}
