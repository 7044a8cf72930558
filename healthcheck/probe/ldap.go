package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/vipd/vipd/healthcheck"
)

// The library would else believe a server that announces two gigabytes.
func init() { ber.MaxPacketLengthBytes = maxBody }

// prepareLDAP prepares a check that binds, anonymously without a user, and
// reads one entry when there is a base.
func prepareLDAP(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.LDAP)
	if p.Base != "" {
		if _, err := ldap.CompileFilter(p.Filter); err != nil {
			return nil, fmt.Errorf("filter %q is not an LDAP filter: %w", p.Filter, err)
		}
	}
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connect(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		session, err := ldapSession(ctx, a, conn, s, o)
		if err != nil {
			return "", ldapFailure(ctx, err)
		}
		defer session.Close()
		a.phase = phaseLogin
		if err := bind(session, p); err != nil {
			return "", ldapFailure(ctx, err)
		}
		if p.Base == "" {
			return "bind succeeded", nil
		}
		a.phase = phaseAnswer
		dn, err := ldapEntry(session, p, s.Timeout)
		if err != nil {
			return "", ldapFailure(ctx, err)
		}
		if expect != nil && !expect.MatchString(dn) {
			return "", &failure{healthcheck.ClassBody, mismatch(p.Expect, "entry's name", []byte(dn))}
		}
		return "found " + shorten(dn), nil
	}, nil
}

// ldapSession makes an LDAP session of a connection, encrypted if settings say
// so.
func ldapSession(ctx context.Context, a *attempt, conn net.Conn, s healthcheck.Settings, o Options) (*ldap.Conn, error) {
	if s.TLS.Mode == healthcheck.TLSStart {
		if err := ldapStartTLS(a, conn); err != nil {
			return nil, err
		}
	}
	secure := s.TLS.Mode != healthcheck.TLSOff
	if secure {
		var err error
		if conn, err = handshake(ctx, a, conn, clientConfig(s, o, "")); err != nil {
			return nil, err
		}
	}
	session := ldap.NewConn(boundConn(conn), secure)
	session.SetTimeout(s.Timeout)
	session.Start()
	return session, nil
}

// startTLSName is the request for TLS (RFC 4511 section 4.14.1).
const startTLSName = "1.3.6.1.4.1.1466.20037"

// ldapStartTLS asks for TLS, before the library gets the connection: it keeps to
// itself why a handshake fails.
func ldapStartTLS(a *attempt, conn net.Conn) error {
	a.phase = phaseTLS
	request := ber.NewSequence("message")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "ID"))
	extended := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "request")
	extended.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLSName, "name"))
	request.AppendChild(extended)
	if _, err := conn.Write(request.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(boundConn(conn))
	if err != nil {
		return err
	}
	return ldap.GetLDAPError(answer)
}

// bind authenticates, anonymously without a user.
func bind(session *ldap.Conn, p healthcheck.LDAP) error {
	if p.User == "" {
		return session.UnauthenticatedBind("")
	}
	return session.Bind(p.User, p.Password)
}

// ldapEntry reads the entry at the base and returns its name.
func ldapEntry(session *ldap.Conn, p healthcheck.LDAP, timeout time.Duration) (string, error) {
	seconds := max(int(timeout/time.Second), 1)
	result, err := session.Search(ldap.NewSearchRequest(p.Base, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		1, seconds, false, p.Filter, []string{"1.1"}, nil)) // no attributes (RFC 4511 section 4.5.1.8)
	if err != nil {
		return "", err
	}
	if len(result.Entries) != 1 {
		return "", &failure{healthcheck.ClassBody, fmt.Sprintf("%d entries match at %q, expected 1", len(result.Entries), p.Base)}
	}
	return result.Entries[0].DN, nil
}

// ldapFailure classifies what the library says. It wraps errors of the network
// in a code of its own.
func ldapFailure(ctx context.Context, err error) error {
	var said *ldap.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &said):
		return err
	case said.ResultCode < ldap.ErrorNetwork:
		return &failure{healthcheck.ClassStatus, fmt.Sprintf("the server says: %s (code %d)", ldap.LDAPResultCodeMap[said.ResultCode], said.ResultCode)}
	}
	return said.Err
}
