package probe

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vipd/vipd/healthcheck"
)

const dovecotConf = `
protocols = imap pop3 submission
submission_relay_host = 127.0.0.1
listen = 127.0.0.1
base_dir = DIR/run
state_dir = DIR/run
log_path = /dev/stderr
ssl = yes
ssl_cert = <CERT
ssl_key = <KEY
disable_plaintext_auth = no
mail_location = maildir:DIR/mail/%u
passdb {
  driver = static
  args = password=secret user=probe
}
userdb {
  driver = static
  args = uid=mail gid=mail home=DIR/mail
}
first_valid_uid = 1
auth_failure_delay = 0
service imap-login {
  inet_listener imap {
    port = PORT_IMAP
  }
  inet_listener imaps {
    port = PORT_IMAPS
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = PORT_POP3
  }
  inet_listener pop3s {
    port = PORT_POP3S
    ssl = yes
  }
}
service submission-login {
  inet_listener submission {
    port = PORT_SUBMISSION
  }
  inet_listener submissions {
    port = PORT_SUBMISSIONS
    ssl = yes
  }
}
service anvil {
  chroot =
}
`

func TestRealDovecot(t *testing.T) {
	s := newRealServer(t, "dovecot")
	cert, key, p := s.certificate()
	imap, imaps, pop3, pop3s, submission, submissions := closedPort(t), closedPort(t), closedPort(t), closedPort(t), closedPort(t), closedPort(t)
	words := []string{"CERT", cert, "KEY", key}
	for name, target := range map[string]netip.AddrPort{"IMAP": imap, "IMAPS": imaps, "POP3": pop3, "POP3S": pop3s, "SUBMISSION": submission, "SUBMISSIONS": submissions} {
		words = append(words, "PORT_"+name+"\n", portText(target)+"\n")
	}
	conf := s.file("dovecot.conf", strings.NewReplacer(words...).Replace(dovecotConf))
	if err := os.Mkdir(s.path("mail"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.path("mail"), 0o777); err != nil {
		t.Fatal(err)
	}
	s.start(listening(imap), "dovecot", "-F", "-c", conf)
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	login, wrong := healthcheck.Mailbox{User: "probe", Password: "secret"}, healthcheck.Mailbox{User: "probe", Password: "wrong"}
	probeAll(t, p, []row{
		{name: "imap", kind: healthcheck.KindIMAP, target: imap, class: ok, reason: "* OK […"},
		{name: "imap with TLS", kind: healthcheck.KindIMAP, target: imaps, tls: verified, class: ok, reason: "* OK […"},
		{name: "imap with STARTTLS", kind: healthcheck.KindIMAP, target: imap, tls: upgraded, class: ok, reason: "* OK […"},
		{name: "imap with a wrong password", kind: healthcheck.KindIMAP, target: imap, params: wrong, class: status,
			reason: "unexpected answer to LOGIN: \"a2 NO…"},
		{name: "pop3", kind: healthcheck.KindPOP3, target: pop3, class: ok, reason: "+OK…"},
		{name: "pop3 with TLS", kind: healthcheck.KindPOP3, target: pop3s, tls: verified, class: ok, reason: "+OK…"},
		{name: "pop3 with STLS", kind: healthcheck.KindPOP3, target: pop3, tls: upgraded, class: ok, reason: "+OK…"},
		{name: "pop3 with a wrong password", kind: healthcheck.KindPOP3, target: pop3, params: wrong, class: status,
			reason: "unexpected answer to PASS: \"-ERR…"},
		{name: "submission", kind: healthcheck.KindSMTP, target: submission, class: ok, reason: "220 …"},
		{name: "submission with TLS", kind: healthcheck.KindSMTP, target: submissions, tls: verified, class: ok, reason: "220 …"},
		{name: "submission with STARTTLS", kind: healthcheck.KindSMTP, target: submission, tls: upgraded, class: ok, reason: "220 …"},
		{name: "certificate of another", kind: healthcheck.KindSMTP, target: submission, class: healthcheck.ClassTLS,
			tls:    healthcheck.TLS{Mode: healthcheck.TLSStart, ServerName: "mx.example.com", Verify: true},
			reason: "certificate not accepted: x509: certificate is valid for localhost…"},
		{name: "imap on the port of pop3", kind: healthcheck.KindIMAP, target: pop3, class: healthcheck.ClassProtocol,
			reason: "unexpected answer to connecting: \"+OK…"},
		{name: "imap login", kind: healthcheck.KindIMAP, target: imap, params: login, tls: upgraded, class: ok, reason: "* OK […"},
		{name: "pop3 login", kind: healthcheck.KindPOP3, target: pop3s, params: login, tls: verified, class: ok, reason: "+OK…"},
	})
}

func TestRealOpenSMTPD(t *testing.T) {
	s := newRealServer(t, "smtpd")
	target := closedPort(t)
	conf := s.file("smtpd.conf", `
listen on 127.0.0.1 port `+portText(target)+`
action "drop" maildir "DIR/mail"
match for local action "drop"
`)
	s.start(listening(target), "smtpd", "-d", "-f", conf)
	probeAll(t, New(Options{}), []row{
		{name: "smtp", kind: healthcheck.KindSMTP, target: target, class: healthcheck.ClassOK, reason: "220 …"},
		{name: "no STARTTLS", kind: healthcheck.KindSMTP, target: target, tls: upgraded, class: healthcheck.ClassStatus,
			reason: `unexpected answer to STARTTLS: "50…`},
	})
}

const vsftpdConf = `
background=NO
anonymous_enable=YES
local_enable=NO
anon_root=DIR/root
secure_chroot_dir=DIR/empty
nopriv_user=nobody
ftp_username=ftp
seccomp_sandbox=NO
`

func TestRealVsftpd(t *testing.T) {
	for address, listen := range map[netip.Addr]string{
		netip.MustParseAddr("127.0.0.1"): "listen=YES\nlisten_address=127.0.0.1\n",
		netip.IPv6Loopback():             "listen=NO\nlisten_ipv6=YES\nlisten_address6=::1\n",
	} {
		t.Run(address.String(), func(t *testing.T) { testVsftpd(t, address, listen) })
	}
}

// testVsftpd probes a server of one family: the file comes over a connection of
// its own, to a port that the server names.
func testVsftpd(t *testing.T, address netip.Addr, listen string) {
	s := newRealServer(t, "vsftpd")
	target := netip.AddrPortFrom(address, closedPort(t).Port())
	s.file("root/health.txt", "Still alive\n")
	s.file("root/large", strings.Repeat("x", 3*maxBody))
	s.file("empty/.keep", "")
	conf := s.file("vsftpd.conf", `
`+listen+`listen_port=`+portText(target)+vsftpdConf)
	s.start(listening(target), "vsftpd", conf)
	login := healthcheck.FTP{User: "anonymous", Password: "vipd@"}
	with := func(change func(*healthcheck.FTP)) healthcheck.FTP {
		p := login
		change(&p)
		return p
	}
	const ok, status = healthcheck.ClassOK, healthcheck.ClassStatus
	probeAll(t, New(Options{}), []row{
		{name: "greeting", kind: healthcheck.KindFTP, target: target, params: healthcheck.FTP{}, class: ok, reason: "220 …"},
		{name: "login", kind: healthcheck.KindFTP, target: target, class: ok, reason: "220 …"},
		{name: "file", kind: healthcheck.KindFTP, target: target, class: ok, reason: "file of 12 bytes",
			params: with(func(p *healthcheck.FTP) { p.Path, p.Expect = "health.txt", "alive" })},
		{name: "other text", kind: healthcheck.KindFTP, target: target, class: healthcheck.ClassBody,
			reason: `"dead" not found in the file (12 bytes: "Still alive\n")`,
			params: with(func(p *healthcheck.FTP) { p.Path, p.Expect = "health.txt", "dead" })},
		{name: "no such file", kind: healthcheck.KindFTP, target: target, class: status,
			reason: `unexpected answer to RETR: "550 Failed to open file."`,
			params: with(func(p *healthcheck.FTP) { p.Path = "other.txt" })},
		{name: "large file", kind: healthcheck.KindFTP, target: target, class: ok, reason: "more than 1048576 bytes",
			params: with(func(p *healthcheck.FTP) { p.Path = "large" })},
		{name: "nobody", kind: healthcheck.KindFTP, target: target, class: status, reason: `unexpected answer to USER: "530 …`,
			params: with(func(p *healthcheck.FTP) { p.User = "nobody" })},
	})
}

// TestRealVsftpdTLS: the server takes a data connection only if it goes on with
// the session of the first connection, as it is by default.
func TestRealVsftpdTLS(t *testing.T) {
	for name, mode := range map[string]healthcheck.TLS{"implicit_ssl=YES": verified, "implicit_ssl=NO": upgraded} {
		t.Run(name, func(t *testing.T) {
			s := newRealServer(t, "vsftpd")
			target := closedPort(t)
			cert, key, p := s.certificate()
			s.file("root/health.txt", "Still alive\n")
			s.file("empty/.keep", "")
			conf := s.file("vsftpd.conf", `
listen=YES
listen_address=127.0.0.1
listen_port=`+portText(target)+vsftpdConf+`
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file=`+cert+`
rsa_private_key_file=`+key+`
`+name+`
`)
			s.start(listening(target), "vsftpd", conf)
			file := healthcheck.FTP{User: "anonymous", Password: "vipd@", Path: "health.txt", Expect: "alive"}
			other := mode
			other.ServerName = "ftp.example.com"
			probeAll(t, p, []row{
				{name: "login", kind: healthcheck.KindFTP, target: target, tls: mode, class: healthcheck.ClassOK, reason: "220 …"},
				{name: "file", kind: healthcheck.KindFTP, target: target, tls: mode, params: file, class: healthcheck.ClassOK, reason: "file of 12 bytes"},
				{name: "certificate of another", kind: healthcheck.KindFTP, target: target, tls: other, class: healthcheck.ClassTLS,
					reason: "certificate not accepted: x509: certificate is valid for localhost…"},
			})
		})
	}
}
