package probe

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// prepareRedis prepares a check that logs in, if there is a password, says
// PING and, if a role is wanted, asks for it.
func prepareRedis(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.Redis)
	return streamed(s, o, func(_ context.Context, t *stream) (string, error) {
		if p.Password != "" {
			words := []string{"AUTH", p.User, p.Password}
			if p.User == "" {
				words = []string{"AUTH", p.Password}
			}
			if _, err := t.redis(words...); err != nil {
				return "", err
			}
		}
		if _, err := t.redis("PING"); err != nil {
			return "", err
		}
		if p.Role == "" {
			return "PONG", nil
		}
		info, err := t.redis("INFO", "replication")
		if err != nil {
			return "", err
		}
		if !strings.Contains(info, "role:"+p.Role+"\r\n") {
			return "", &failure{healthcheck.ClassBody, fmt.Sprintf("the server is not a %s", p.Role)}
		}
		return "role " + p.Role, nil
	}), nil
}

// redis sends a command as an array of bulk strings and returns the answer, a
// simple or a bulk string (RESP2).
func (t *stream) redis(words ...string) (string, error) {
	command := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if err := t.send(command); err != nil {
		return "", err
	}
	line, err := t.line()
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case strings.HasPrefix(line, "-"):
		return "", unexpected(healthcheck.ClassStatus, words[0], line[1:])
	case strings.HasPrefix(line, "$"):
		return t.redisBulk(words[0], line)
	}
	return "", unexpected(healthcheck.ClassProtocol, words[0], line)
}

// redisBulk reads the lines of a bulk string.
func (t *stream) redisBulk(command, header string) (string, error) {
	size, err := strconv.Atoi(header[1:])
	if err != nil || size < 0 || size > maxHeader {
		return "", unexpected(healthcheck.ClassProtocol, command, header)
	}
	var text strings.Builder
	for text.Len() < size {
		line, err := t.line()
		if err != nil {
			return "", err
		}
		text.WriteString(line + "\r\n")
	}
	if text.Len() == size { // it ended with a line end, which has one of its own
		_, err = t.line()
	}
	return text.String(), err
}
