package probe

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// prepareFTP prepares a check that logs in and retrieves a file, if there is a
// path, in passive mode (RFC 959, RFC 2428, RFC 4217). Without a user it reads
// the greeting only.
func prepareFTP(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.FTP)
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return streamed(s, o, func(ctx context.Context, t *stream) (string, error) {
		reason, err := t.want("220", "connecting", "")
		if err == nil && t.starts() {
			if _, err = t.want("234", "AUTH TLS", "AUTH TLS"); err == nil {
				err = t.startTLS(ctx)
			}
		}
		if err == nil && p.User != "" {
			err = t.ftpLogin(p)
		}
		if err == nil && p.Path != "" {
			reason, err = t.ftpRetrieve(ctx, p, expect)
		}
		if err != nil {
			return "", err
		}
		_, err = t.want("221", "QUIT", "QUIT")
		return shorten(reason), err
	}), nil
}

func (t *stream) ftpLogin(p healthcheck.FTP) error {
	if err := t.send("USER " + p.User + "\r\n"); err != nil {
		return err
	}
	code, line, err := t.reply()
	switch {
	case err != nil:
		return err
	case code == "230": // no password wanted
		return nil
	case code != "331":
		return unexpected(healthcheck.ClassStatus, "USER", line)
	}
	_, err = t.want("230", "PASS", "PASS "+p.Password)
	return err
}

// ftpRetrieve reads a file over a second connection to the same server.
func (t *stream) ftpRetrieve(ctx context.Context, p healthcheck.FTP, expect *regexp.Regexp) (string, error) {
	private := t.a.key.Settings.TLS.Mode != healthcheck.TLSOff
	steps := []struct{ code, said, command string }{{"200", "TYPE", "TYPE I"}}
	if private {
		steps = append(steps, struct{ code, said, command string }{"200", "PBSZ", "PBSZ 0"},
			struct{ code, said, command string }{"200", "PROT", "PROT P"})
	}
	for _, s := range steps {
		if _, err := t.want(s.code, s.said, s.command); err != nil {
			return "", err
		}
	}
	port, err := t.ftpPassive()
	if err != nil {
		return "", err
	}
	// The address in the answer to PASV is not used: behind NAT it is wrong,
	// and the file is to come from this real server.
	at := *t.a
	at.key.Target = withPort(t.a.key.Target, port)
	conn, err := connect(ctx, &at)
	if err != nil {
		why := at.classify(ctx, err)
		return "", &failure{why.class, fmt.Sprintf("data connection to port %d: %s", port, why.reason)}
	}
	defer conn.Close()
	defer limit(ctx, conn)()
	if _, err := t.want("1", "RETR", "RETR "+p.Path); err != nil {
		return "", err
	}
	if private {
		if conn, err = handshake(ctx, &at, conn, t.tls); err != nil {
			return "", err
		}
	}
	t.a.phase = phaseBody
	file, err := io.ReadAll(io.LimitReader(conn, maxBody))
	if err != nil {
		return "", err
	}
	// First what the server says of it: why it sends nothing, for example. Of a
	// file that we do not read to its end it says that.
	conn.Close()
	code, line, err := t.reply()
	if err != nil {
		return "", err
	}
	if len(file) < maxBody && code[0] != '2' {
		return "", unexpected(healthcheck.ClassStatus, "the end of RETR", line)
	}
	if expect != nil && !expect.Match(file) {
		return "", &failure{healthcheck.ClassBody, mismatch(p.Expect, "file", file)}
	}
	if len(file) == maxBody {
		return fmt.Sprintf("more than %d bytes", maxBody), nil
	}
	return fmt.Sprintf("file of %d bytes", len(file)), nil
}

// ftpPassive asks for a port to fetch from: EPSV, or PASV where the server
// does not know that and the address is IPv4.
func (t *stream) ftpPassive() (uint16, error) {
	if err := t.send("EPSV\r\n"); err != nil {
		return 0, err
	}
	code, line, err := t.reply()
	if err != nil {
		return 0, err
	}
	if code == "229" {
		return extendedPort(line)
	}
	if line, err = t.want("227", "PASV", "PASV"); err != nil {
		return 0, err
	}
	return passivePort(line)
}

// extendedPort reads "229 … (|||port|)" (RFC 2428 section 3).
func extendedPort(line string) (uint16, error) {
	_, rest, _ := strings.Cut(line, "(")
	if inside, _, ok := strings.Cut(rest, ")"); ok && len(inside) > 4 && inside[:3] == strings.Repeat(inside[:1], 3) {
		port, err := strconv.ParseUint(strings.TrimSuffix(inside[3:], inside[:1]), 10, 16)
		if err == nil && port > 0 {
			return uint16(port), nil
		}
	}
	return 0, unexpected(healthcheck.ClassProtocol, "EPSV", line)
}

var passivePattern = regexp.MustCompile(`(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)`)

// passivePort reads "227 … (h1,h2,h3,h4,p1,p2)" (RFC 959 section 4.1.2).
func passivePort(line string) (uint16, error) {
	parts := passivePattern.FindStringSubmatch(line)
	if parts == nil {
		return 0, unexpected(healthcheck.ClassProtocol, "PASV", line)
	}
	high, errHigh := strconv.ParseUint(parts[5], 10, 8)
	low, errLow := strconv.ParseUint(parts[6], 10, 8)
	if errHigh != nil || errLow != nil || high+low == 0 {
		return 0, unexpected(healthcheck.ClassProtocol, "PASV", line)
	}
	return uint16(high<<8 | low), nil
}
