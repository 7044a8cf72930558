package twin

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"io"
	"net"
	"slices"
	"strings"
)

// The real servers know one user.
const (
	userName     = "probe"
	userPassword = "hush"
	sharedSecret = "testing123" // of RADIUS
)

// acceptPOP speaks POP3 (RFC 1939) until the listener closes.
func acceptPOP(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go speakPOP(conn)
	}
}

// speakPOP lets the user in and shows an empty mailbox.
func speakPOP(conn net.Conn) {
	defer conn.Close()
	say := func(text string) { io.WriteString(conn, text+"\r\n") }
	say("+OK pop.example.com")
	user, in := "", false
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		verb, word, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch strings.ToUpper(verb) {
		case "USER":
			user = word
			say("+OK")
		case "PASS":
			if in = user == userName && word == userPassword; in {
				say("+OK")
			} else {
				say("-ERR wrong user or password")
			}
		case "STAT":
			say("+OK 0 0")
		case "QUIT":
			say("+OK")
			return
		default:
			say("-ERR unknown command")
		}
	}
}

// What RADIUS calls requests, answers and attributes (RFC 2865 sections 3 and 5).
const (
	accessRequest   = 1
	accessAccept    = 2
	accessReject    = 3
	attrUserName    = 1
	attrPassword    = 2
	radiusHeader    = 20 // code, identifier, length, authenticator
	radiusRequester = 4  // where the authenticator begins
)

// radiusAnswer answers whether the user may come in.
func radiusAnswer(request []byte) []byte {
	if len(request) < radiusHeader || request[0] != accessRequest {
		return nil
	}
	authenticator := request[radiusRequester:radiusHeader]
	var name, password string
	for attrs := request[radiusHeader:]; len(attrs) >= 2 && attrs[1] >= 2 && int(attrs[1]) <= len(attrs); attrs = attrs[attrs[1]:] {
		switch value := attrs[2:attrs[1]]; attrs[0] {
		case attrUserName:
			name = string(value)
		case attrPassword:
			password = shownPassword(value, authenticator)
		}
	}
	code := byte(accessReject)
	if name == userName && password == userPassword {
		code = accessAccept
	}
	answer := []byte{code, request[1], 0, radiusHeader}
	sum := md5.Sum(slices.Concat(answer, authenticator, []byte(sharedSecret)))
	return append(answer, sum[:]...)
}

// shownPassword decrypts a password of at most 16 bytes (RFC 2865 section 5.2).
func shownPassword(hidden, authenticator []byte) string {
	pad := md5.Sum(slices.Concat([]byte(sharedSecret), authenticator))
	shown := make([]byte, min(len(hidden), len(pad)))
	for i := range shown {
		shown[i] = hidden[i] ^ pad[i]
	}
	return string(bytes.TrimRight(shown, "\x00"))
}
