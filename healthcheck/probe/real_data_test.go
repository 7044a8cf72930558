package probe

import (
	"os"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

func TestRealRedis(t *testing.T) {
	s := newRealServer(t, "redis-server")
	target := closedPort(t)
	secure := closedPort(t)
	cert, key, p := s.certificate()
	s.start(listening(target), "redis-server", "--port", portText(target), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret",
		"--tls-port", portText(secure), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no", "--tls-ca-cert-file", cert)
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	probeAll(t, p, []row{
		{name: "with TLS", kind: healthcheck.KindRedis, target: secure, tls: verified, params: healthcheck.Redis{Password: "secret"}, class: ok, reason: "PONG"},
		{name: "send and expect with TLS", kind: healthcheck.KindTCP, target: secure, tls: verified, params: healthcheck.TCP{Send: "PING\r\n", Expect: "^-NOAUTH"},
			class: ok, reason: `"^-NOAUTH" found in…`},
		{name: "ping", kind: healthcheck.KindRedis, target: target, params: healthcheck.Redis{Password: "secret"}, class: ok, reason: "PONG"},
		{name: "user", kind: healthcheck.KindRedis, target: target, params: healthcheck.Redis{User: "default", Password: "secret"}, class: ok, reason: "PONG"},
		{name: "role", kind: healthcheck.KindRedis, target: target, params: healthcheck.Redis{Password: "secret", Role: "master"}, class: ok, reason: "role master"},
		{name: "other role", kind: healthcheck.KindRedis, target: target, params: healthcheck.Redis{Password: "secret", Role: "slave"},
			class: healthcheck.ClassBody, reason: "the server is not a slave"},
		{name: "no password", kind: healthcheck.KindRedis, target: target, class: status,
			reason: `unexpected answer to PING: "NOAUTH Authentication required."`},
		{name: "wrong password", kind: healthcheck.KindRedis, target: target, params: healthcheck.Redis{Password: "x"}, class: status,
			reason: `unexpected answer to AUTH: "WRONGPASS…`},
		{name: "send and expect", kind: healthcheck.KindTCP, target: target, params: healthcheck.TCP{Send: "PING\r\n", Expect: "^-NOAUTH"},
			class: ok, reason: `"^-NOAUTH" found in…`},
	})
}

func TestRealMariaDB(t *testing.T) {
	s := newRealServer(t, "mariadbd")
	target := closedPort(t)
	if os.Getuid() == 0 {
		s.runAs("nobody")
	}
	s.run("mariadb-install-db", "--no-defaults", "--datadir="+s.path("data"), "--auth-root-authentication-method=normal", "--skip-test-db")
	init := s.file("init.sql", "CREATE USER probe IDENTIFIED BY 'secret';\n")
	cert, key, p := s.certificate()
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(listening(target), "mariadbd", "--no-defaults", "--datadir="+s.path("data"), "--socket="+s.path("socket"), "--port="+portText(target),
		"--bind-address=127.0.0.1", "--init-file="+init, "--pid-file="+s.path("pid"), "--ssl-cert="+cert, "--ssl-key="+key,
		"--innodb-buffer-pool-size=8M", "--skip-name-resolve")
	login := healthcheck.SQL{User: "probe", Password: "secret"}
	with := func(change func(*healthcheck.SQL)) healthcheck.SQL {
		q := login
		change(&q)
		return q
	}
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	probeAll(t, p, []row{
		{name: "greeting", kind: healthcheck.KindMySQL, target: target, class: ok, reason: "MySQL protocol, version …"},
		{name: "login", kind: healthcheck.KindMySQL, target: target, params: login, class: ok, reason: "logged in"},
		{name: "login with TLS", kind: healthcheck.KindMySQL, target: target, params: login, class: ok, reason: "logged in",
			tls: healthcheck.TLS{Mode: healthcheck.TLSOn, ServerName: "localhost", Verify: true}},
		{name: "certificate of another", kind: healthcheck.KindMySQL, target: target, params: login, class: healthcheck.ClassTLS,
			tls:    healthcheck.TLS{Mode: healthcheck.TLSOn, ServerName: "db.example.com", Verify: true},
			reason: "certificate not accepted: x509: certificate is valid for localhost…"},
		{name: "certificate that ends soon", kind: healthcheck.KindMySQL, target: target, params: login, class: healthcheck.ClassTLS, reason: "certificate ends on …",
			tls: healthcheck.TLS{Mode: healthcheck.TLSOn, MinDays: 365}},
		{name: "wrong password", kind: healthcheck.KindMySQL, target: target, params: healthcheck.SQL{User: "probe", Password: "x"}, class: status,
			reason: "the server says: Access denied for user…"},
		{name: "query", kind: healthcheck.KindMySQL, target: target, class: ok, reason: `query returned "42"`,
			params: with(func(q *healthcheck.SQL) { q.Query, q.Expect = "SELECT 42", "^42$" })},
		{name: "other value", kind: healthcheck.KindMySQL, target: target, class: healthcheck.ClassBody, reason: `"^43$" not found in the first row…`,
			params: with(func(q *healthcheck.SQL) { q.Query, q.Expect = "SELECT 42", "^43$" })},
		{name: "no row", kind: healthcheck.KindMySQL, target: target, class: healthcheck.ClassBody, reason: "the query returned no row",
			params: with(func(q *healthcheck.SQL) { q.Query = "SELECT 1 LIMIT 0" })},
		{name: "broken query", kind: healthcheck.KindMySQL, target: target, class: status, reason: "the server says: You have an error…",
			params: with(func(q *healthcheck.SQL) { q.Query = "SELEKT" })},
	})
	t.Run("query that hangs", func(t *testing.T) {
		expectHanging(t, p, keyOf(healthcheck.KindMySQL, target, func(s *healthcheck.Settings) {
			s.Params = with(func(q *healthcheck.SQL) { q.Query = "SELECT SLEEP(60)" })
		}), keyOf(healthcheck.KindMySQL, target, func(s *healthcheck.Settings) {
			s.Params = with(func(q *healthcheck.SQL) {
				q.Query, q.Expect = "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'", "^1$"
			})
		}))
	})
}

func TestRealPostgreSQL(t *testing.T) {
	s := newRealServer(t, "postgres")
	target := closedPort(t)
	s.runAs("postgres")
	secret := s.file("secret", "secret\n")
	s.run("initdb", "-D", s.path("data"), "-U", "probe", "-A", "scram-sha-256", "--pwfile="+secret, "--no-sync")
	ready := func() bool {
		return New(Options{}).Run(t.Context(), keyOf(healthcheck.KindPostgreSQL, target, nil)).OK()
	}
	cert, key, p := s.certificate()
	if err := os.Chown(key, int(s.as.Uid), int(s.as.Gid)); err != nil {
		t.Skipf("chown: %v", err)
	}
	secure := closedPort(t)
	securely := func() bool {
		return New(Options{}).Run(t.Context(), keyOf(healthcheck.KindPostgreSQL, secure, nil)).OK()
	}
	s.start(ready, "postgres", "-D", s.path("data"), "-p", portText(target), "-h", "127.0.0.1", "-k", s.dir, "-c", "fsync=off")
	s.run("initdb", "-D", s.path("secure"), "-U", "probe", "-A", "scram-sha-256", "--pwfile="+secret, "--no-sync")
	s.start(securely, "postgres", "-D", s.path("secure"), "-p", portText(secure), "-h", "127.0.0.1", "-k", s.dir, "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key)
	login := healthcheck.SQL{User: "probe", Password: "secret", Database: "postgres"}
	with := func(change func(*healthcheck.SQL)) healthcheck.SQL {
		q := login
		change(&q)
		return q
	}
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	probeAll(t, p, []row{
		{name: "ready with TLS", kind: healthcheck.KindPostgreSQL, target: secure, tls: verified, class: ok, reason: "the server asks who we are"},
		{name: "login with TLS", kind: healthcheck.KindPostgreSQL, target: secure, tls: verified, params: login, class: ok, reason: "logged in"},
		{name: "certificate of another", kind: healthcheck.KindPostgreSQL, target: secure, class: healthcheck.ClassTLS,
			tls:    healthcheck.TLS{Mode: healthcheck.TLSOn, ServerName: "db.example.com", Verify: true},
			reason: "certificate not accepted: x509: certificate is valid for localhost…"},
		{name: "certificate that ends soon", kind: healthcheck.KindPostgreSQL, target: secure, params: login, class: healthcheck.ClassTLS, reason: "certificate ends on …",
			tls: healthcheck.TLS{Mode: healthcheck.TLSOn, MinDays: 365}},
		{name: "ready", kind: healthcheck.KindPostgreSQL, target: target, class: ok, reason: "the server asks who we are"},
		{name: "login", kind: healthcheck.KindPostgreSQL, target: target, params: login, class: ok, reason: "logged in"},
		{name: "no TLS", kind: healthcheck.KindPostgreSQL, target: target, tls: verified, class: healthcheck.ClassTLS, reason: "the server does not offer TLS"},
		{name: "wrong password", kind: healthcheck.KindPostgreSQL, target: target, class: status, reason: "the server says: password authentication failed…",
			params: with(func(q *healthcheck.SQL) { q.Password = "x" })},
		{name: "query", kind: healthcheck.KindPostgreSQL, target: target, class: ok, reason: `query returned "f"`,
			params: with(func(q *healthcheck.SQL) { q.Query, q.Expect = "SELECT pg_is_in_recovery()", "^f$" })},
		{name: "no row", kind: healthcheck.KindPostgreSQL, target: target, class: healthcheck.ClassBody, reason: "the query returned no row",
			params: with(func(q *healthcheck.SQL) { q.Query = "SELECT 1 LIMIT 0" })},
		{name: "broken query", kind: healthcheck.KindPostgreSQL, target: target, class: status, reason: `the server says: syntax error…`,
			params: with(func(q *healthcheck.SQL) { q.Query = "SELEKT" })},
	})
	t.Run("query that hangs", func(t *testing.T) {
		expectHanging(t, New(Options{}), keyOf(healthcheck.KindPostgreSQL, target, func(s *healthcheck.Settings) {
			s.Params = with(func(q *healthcheck.SQL) { q.Query = "SELECT pg_sleep(60)" })
		}), keyOf(healthcheck.KindPostgreSQL, target, func(s *healthcheck.Settings) {
			s.Params = with(func(q *healthcheck.SQL) {
				q.Query, q.Expect = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'", "^1$"
			})
		}))
	})
}

// expectHanging runs a probe whose query does not end until another probe says
// that the server is at it. Then its time is up.
func expectHanging(t *testing.T, p *Prober, hangs, isHanging healthcheck.Key) {
	t.Helper()
	hangs.Settings.Timeout = time.Minute
	f := newFuse(t)
	go f.burnWhen(func() bool { return p.Run(t.Context(), isHanging).OK() })
	expectWithin(t, f, p, hangs, healthcheck.ClassTimeout, "no answer within 1m0s")
}

func TestRealOpenLDAP(t *testing.T) {
	s := newRealServer(t, "slapd")
	plain, secure := closedPort(t), closedPort(t)
	cert, key, p := s.certificate()
	conf := s.file("slapd.conf", `
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile `+cert+`
TLSCertificateKeyFile `+key+`
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw secret
directory DIR/db
`)
	s.file("db/.keep", "")
	ldif := s.file("base.ldif", "dn: dc=example,dc=com\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n")
	s.run("slapadd", "-f", conf, "-l", ldif)
	s.start(listening(plain), "slapd", "-f", conf, "-d", "0", "-h", "ldap://"+plain.String()+" ldaps://"+secure.String())
	search := healthcheck.LDAP{Base: "dc=example,dc=com", Filter: "(objectClass=*)"}
	with := func(change func(*healthcheck.LDAP)) healthcheck.LDAP {
		l := search
		change(&l)
		return l
	}
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	probeAll(t, p, []row{
		{name: "anonymous bind", kind: healthcheck.KindLDAP, target: plain, class: ok, reason: "bind succeeded"},
		{name: "with TLS", kind: healthcheck.KindLDAP, target: secure, tls: verified, class: ok, reason: "bind succeeded"},
		{name: "with StartTLS", kind: healthcheck.KindLDAP, target: plain, tls: healthcheck.TLS{Mode: healthcheck.TLSStart, ServerName: "localhost", Verify: true},
			class: ok, reason: "bind succeeded"},
		{name: "certificate that ends soon", kind: healthcheck.KindLDAP, target: plain, class: healthcheck.ClassTLS, reason: "certificate ends on …",
			tls: healthcheck.TLS{Mode: healthcheck.TLSStart, MinDays: 365}},
		{name: "certificate of another", kind: healthcheck.KindLDAP, target: plain, class: healthcheck.ClassTLS,
			tls:    healthcheck.TLS{Mode: healthcheck.TLSStart, ServerName: "ldap.example.com", Verify: true},
			reason: "certificate not accepted: x509: certificate is valid for localhost…"},
		{name: "search", kind: healthcheck.KindLDAP, target: plain, params: search, class: ok, reason: "found dc=example,dc=com"},
		{name: "expected name", kind: healthcheck.KindLDAP, target: plain, class: ok, reason: "found dc=example,dc=com",
			params: with(func(l *healthcheck.LDAP) { l.Expect = "dc=example" })},
		{name: "other name", kind: healthcheck.KindLDAP, target: plain, class: healthcheck.ClassBody, reason: `"dc=other" not found in the entry's name…`,
			params: with(func(l *healthcheck.LDAP) { l.Expect = "dc=other" })},
		{name: "login", kind: healthcheck.KindLDAP, target: plain, class: ok, reason: "found dc=example,dc=com",
			params: with(func(l *healthcheck.LDAP) { l.User, l.Password = "cn=admin,dc=example,dc=com", "secret" })},
		{name: "wrong password", kind: healthcheck.KindLDAP, target: plain, class: status, reason: "the server says: Invalid Credentials (code 49)",
			params: with(func(l *healthcheck.LDAP) { l.User, l.Password = "cn=admin,dc=example,dc=com", "x" })},
		{name: "no such entry", kind: healthcheck.KindLDAP, target: plain, class: status, reason: "the server says: No Such Object (code 32)",
			params: with(func(l *healthcheck.LDAP) { l.Base = "dc=nowhere" })},
		{name: "filter that does not match", kind: healthcheck.KindLDAP, target: plain, class: healthcheck.ClassBody,
			reason: `0 entries match at "dc=example,dc=com", expected 1`,
			params: with(func(l *healthcheck.LDAP) { l.Filter = "(o=Other)" })},
	})
}
