package probe

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vipd/vipd/healthcheck"
)

// Codes and attributes of RADIUS (RFC 2865 sections 3 and 5, RFC 3579).
const (
	radiusRequest   = 1
	radiusAccept    = 2
	radiusReject    = 3
	radiusChallenge = 11

	attrUserName      = 1
	attrUserPassword  = 2
	attrNASIdentifier = 32
	attrMessageAuth   = 80
)

// radiusHeader is the length of code, identifier, length and authenticator.
const radiusHeader = 20

// prepareRADIUS prepares a check that asks for access with a user's password
// (PAP). Requests carry a Message-Authenticator, and an answer is believed
// only when its authenticator shows that the server knows the secret.
func prepareRADIUS(s healthcheck.Settings, _ Options) (check, error) {
	p := s.Params.(healthcheck.RADIUS)
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connectUDP(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		defer a.enter(phaseAnswer, &a.result.First)()
		request := radiusPacket(p)
		if _, err := conn.Write(request); err != nil {
			return "", err
		}
		code, err := awaitRADIUS(conn, request, p.Secret)
		if err != nil {
			return "", err
		}
		return judgeRADIUS(code, p.Reject)
	}, nil
}

func judgeRADIUS(code byte, rejectIsFine bool) (string, error) {
	name := map[byte]string{radiusAccept: "Access-Accept", radiusReject: "Access-Reject", radiusChallenge: "Access-Challenge"}[code]
	switch {
	case code == radiusAccept, rejectIsFine && name != "":
		return name, nil
	case name != "":
		return "", &failure{healthcheck.ClassStatus, "the server answers " + name}
	}
	return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("RADIUS answer of code %d", code)}
}

// radiusPacket returns an Access-Request with a fresh authenticator.
func radiusPacket(p healthcheck.RADIUS) []byte {
	packet := make([]byte, radiusHeader, 256)
	rand.Read(packet[1:]) // identifier and authenticator; never fails (crypto/rand)
	packet[0] = radiusRequest
	// First, as RFC 3579's successor asks (draft-ietf-radext-deprecating-radius):
	// a server need not parse what is not authenticated.
	packet = append(packet, attrMessageAuth, 18)
	packet = append(packet, make([]byte, 16)...)
	packet = appendRADIUS(packet, attrUserName, []byte(p.User))
	packet = appendRADIUS(packet, attrUserPassword, hidePassword(p.Password, p.Secret, packet[4:radiusHeader]))
	packet = appendRADIUS(packet, attrNASIdentifier, []byte(p.NASIdentifier))
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	sign := hmac.New(md5.New, []byte(p.Secret))
	sign.Write(packet)
	sign.Sum(packet[radiusHeader+2 : radiusHeader+2])
	return packet
}

func appendRADIUS(packet []byte, kind byte, value []byte) []byte {
	return append(append(packet, kind, byte(len(value)+2)), value...)
}

// hidePassword encrypts a password (RFC 2865 section 5.2).
func hidePassword(password, secret string, authenticator []byte) []byte {
	hidden := make([]byte, max((len(password)+15)/16, 1)*16)
	copy(hidden, password)
	previous := authenticator
	for block := hidden; len(block) > 0; block = block[16:] {
		pad := md5.Sum(append([]byte(secret), previous...))
		for i := range pad {
			block[i] ^= pad[i]
		}
		previous = block[:16]
	}
	return hidden
}

// errForged is the failure when only answers came that are not believed.
var errForged = &failure{healthcheck.ClassProtocol, "the authenticator of the answer is wrong: is the secret the same on both sides?"}

// awaitRADIUS reads until an answer to request comes that is authentic.
func awaitRADIUS(conn net.Conn, request []byte, secret string) (code byte, err error) {
	buf := make([]byte, 4096) // the longest packet (RFC 2865 section 3)
	forged := false
	for {
		n, err := conn.Read(buf)
		if err != nil {
			if forged && timedOut(err) {
				return 0, errForged
			}
			return 0, err
		}
		answer, err := radiusAnswer(buf[:n], request, secret)
		if err == nil {
			return answer, nil
		}
		forged = forged || errors.Is(err, errForged)
	}
}

// radiusAnswer returns the code of an authentic answer to request (RFC 2865
// section 3: MD5 over code, identifier, length, the request's authenticator,
// attributes and secret).
func radiusAnswer(packet, request []byte, secret string) (code byte, err error) {
	if len(packet) < radiusHeader || packet[1] != request[1] {
		return 0, errors.New("not an answer to this request")
	}
	size := int(binary.BigEndian.Uint16(packet[2:]))
	if size < radiusHeader || size > len(packet) {
		return 0, errors.New("RADIUS answer with a wrong length")
	}
	sum := md5.New()
	sum.Write(packet[:4])
	sum.Write(request[4:radiusHeader])
	sum.Write(packet[radiusHeader:size])
	sum.Write([]byte(secret))
	if !hmac.Equal(sum.Sum(nil), packet[4:radiusHeader]) {
		return 0, errForged
	}
	return packet[0], nil
}
