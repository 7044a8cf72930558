package probe

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"

	"github.com/vipd/vipd/healthcheck"
)

// Types of TNS packets.
const (
	tnsConnect  = 1
	tnsAccept   = 2
	tnsRefuse   = 4
	tnsRedirect = 5
	tnsResend   = 11
)

// tnsHeader is the length of the fixed part of a connect packet.
const tnsHeader = 58

// prepareOracle prepares a check that asks an Oracle listener: for a sign of
// life, as tnsping does, or for a service, which it must know.
func prepareOracle(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.Oracle)
	data := "(CONNECT_DATA=(COMMAND=ping))"
	if p.Service != "" {
		data = "(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=" + p.Service + ")(CID=(PROGRAM=vipd)(HOST=vipd)(USER=vipd))))"
	}
	packet := string(tnsConnectPacket(data))
	return streamed(s, o, func(_ context.Context, t *stream) (string, error) {
		const resends = 2 // a listener that wants the same again and again is none
		for range resends {
			if err := t.send(packet); err != nil {
				return "", err
			}
			kind, body, err := tnsPacket(t.in)
			if err != nil {
				return "", err
			}
			if kind != tnsResend {
				return judgeTNS(kind, body)
			}
		}
		return "", &failure{healthcheck.ClassProtocol, "the listener asks for the request again and again"}
	}), nil
}

// tnsConnectPacket returns a connect packet of protocol version 3.14 (what
// every listener since Oracle 9 understands) with data.
func tnsConnectPacket(data string) []byte {
	p := make([]byte, tnsHeader, tnsHeader+len(data))
	be := binary.BigEndian
	be.PutUint16(p[0:], uint16(tnsHeader+len(data)))
	p[4] = tnsConnect
	be.PutUint16(p[8:], 314)  // version
	be.PutUint16(p[10:], 300) // lowest version understood
	be.PutUint16(p[14:], 8192)
	be.PutUint16(p[16:], 32767)
	be.PutUint16(p[18:], 0x7f08) // protocol characteristics: half duplex, no asynchronous data
	be.PutUint16(p[22:], 1)      // a one in our byte order
	be.PutUint16(p[24:], uint16(len(data)))
	be.PutUint16(p[26:], tnsHeader)
	return append(p, data...)
}

// tnsPacket reads one packet.
func tnsPacket(in *bufio.Reader) (kind byte, body []byte, err error) {
	var header [8]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint16(header[:]))
	if size < len(header) || size > maxLine {
		return 0, nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not an Oracle listener: %q", header)}
	}
	body = make([]byte, size-len(header))
	_, err = io.ReadFull(in, body)
	return header[4], body, err
}

var tnsError = regexp.MustCompile(`\(ERR=(\d+)\)`)

// judgeTNS judges what a listener says. It "refuses" also a ping, with error
// number 0.
func judgeTNS(kind byte, body []byte) (string, error) {
	switch kind {
	case tnsAccept, tnsRedirect:
		return "the listener knows the service", nil
	case tnsRefuse:
		code := tnsError.FindSubmatch(body)
		switch {
		case code == nil:
			return "", &failure{healthcheck.ClassStatus, "the listener refuses"}
		case string(code[1]) == "0":
			return "the listener answers", nil
		}
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("the listener refuses: TNS-%s", shorten(string(code[1])))}
	}
	return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("this is not an Oracle listener: packet of type %d", kind)}
}
