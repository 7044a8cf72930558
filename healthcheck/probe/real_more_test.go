package probe

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// TestRealEtcd: etcd speaks gRPC by the library of its authors, and has the
// standard health service.
func TestRealEtcd(t *testing.T) {
	s := newRealServer(t, "etcd")
	plain, secure, peers := closedPort(t), closedPort(t), closedPort(t)
	cert, key, p := s.certificate()
	const grpc, ok = healthcheck.KindGRPC, healthcheck.ClassOK
	up := func() bool { return p.Run(t.Context(), keyOf(grpc, plain, nil)).OK() }
	clients := "http://" + plain.String() + ",https://" + secure.String()
	s.start(up, "etcd", "--data-dir="+s.path("data"), "--logger=zap", "--log-level=error", "--cert-file="+cert, "--key-file="+key,
		"--listen-client-urls="+clients, "--advertise-client-urls="+clients,
		"--listen-peer-urls=http://"+peers.String(), "--initial-advertise-peer-urls=http://"+peers.String(), "--initial-cluster=default=http://"+peers.String())
	probeAll(t, p, []row{
		{name: "without TLS", kind: grpc, target: plain, class: ok, reason: "gRPC health is SERVING"},
		{name: "with TLS", kind: grpc, target: secure, tls: verified, class: ok, reason: "gRPC health is SERVING"},
		{name: "authority", kind: grpc, target: secure, tls: verified, params: healthcheck.GRPC{Authority: "etcd.example.com"}, class: ok, reason: "gRPC health is SERVING"},
		{name: "unknown service", kind: grpc, target: plain, params: healthcheck.GRPC{Service: "nobody"}, class: healthcheck.ClassStatus,
			reason: "gRPC status 5: the server does not know this service"},
		{name: "certificate of another", kind: grpc, target: secure, class: healthcheck.ClassTLS,
			tls:    healthcheck.TLS{Mode: healthcheck.TLSOn, ServerName: "etcd.example.com", Verify: true},
			reason: "certificate not accepted: x509: certificate is valid for localhost…"},
	})
}

func TestRealTinyproxy(t *testing.T) {
	s := newRealServer(t, "tinyproxy")
	target := closedPort(t)
	conf := s.file("tinyproxy.conf", `
Port `+portText(target)+`
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 30
LogLevel Error
`)
	s.start(listening(target), "tinyproxy", "-d", "-c", conf)
	behind := page(t, func(w http.ResponseWriter, r *http.Request) { hello(w, r) })
	through := func(url string) healthcheck.HTTP {
		h := healthcheck.Defaults(healthcheck.KindHTTPProxy).Params.(healthcheck.HTTP)
		h.Paths, h.Expect = healthcheck.ListOf(url), "alive"
		return h
	}
	const proxy = healthcheck.KindHTTPProxy
	probeAll(t, New(Options{}), []row{
		{name: "page", kind: proxy, target: target, params: through("http://" + behind.String() + "/"), class: healthcheck.ClassOK, reason: "HTTP status 200"},
		{name: "nobody behind it", kind: proxy, target: target, params: through("http://" + closedPort(t).String() + "/"), class: healthcheck.ClassStatus,
			reason: "HTTP status 500, expected 200-299"},
	})
}

// sippScenario answers OPTIONS.
const sippScenario = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answer">
  <recv request="OPTIONS"/>
  <send><![CDATA[

    SIP/2.0 STATUS
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
`

func TestRealSIPp(t *testing.T) {
	for _, tt := range []struct{ name, transport, status, reason string }{
		{"udp", "u1", "200 OK", "SIP status 200"},
		{"tcp", "t1", "200 OK", "SIP status 200"},
		{"busy", "u1", "503 Service Unavailable", "SIP status 503, expected 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newRealServer(t, "sipp")
			target := closedPort(t)
			scenario := s.file("answer.xml", strings.ReplaceAll(sippScenario, "STATUS", tt.status))
			params := healthcheck.Defaults(healthcheck.KindSIP).Params.(healthcheck.SIP)
			class := healthcheck.ClassOK
			if tt.status != "200 OK" {
				class = healthcheck.ClassStatus
			}
			if tt.transport == "t1" {
				params.Transport = "tcp"
			}
			up := func() bool {
				r := New(Options{}).Run(t.Context(), keyOf(healthcheck.KindSIP, target, func(s *healthcheck.Settings) {
					s.Timeout, s.Params = 500*time.Millisecond, params
				}))
				return r.Class == class
			}
			s.start(up, "sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", portText(target), "-t", tt.transport, "-nostdin", "-cp", portText(closedPort(t)))
			probeAll(t, New(Options{}), []row{{name: "options", kind: healthcheck.KindSIP, target: target, params: params, class: class, reason: tt.reason}})
		})
	}
}

// TestRealNagiosPlugin: a plugin as Debian has it, by its exit status and its
// text.
func TestRealNagiosPlugin(t *testing.T) {
	const plugin = "/usr/lib/nagios/plugins/check_tcp"
	newRealServer(t, plugin)
	run := healthcheck.Script{Command: healthcheck.ListOf(plugin, "-H", "{address}", "-p", "{port}", "-t", "20"), Codes: healthcheck.ExitNagios}
	strange := run
	strange.Command = healthcheck.ListOf(plugin, "--no-such-option")
	const script = healthcheck.KindScript
	probeAll(t, New(Options{}), []row{
		{name: "ok", kind: script, target: listen(t, hang), params: run, class: healthcheck.ClassOK, reason: "exit status 0: TCP OK - …"},
		{name: "critical", kind: script, target: closedPort(t), params: run, class: healthcheck.ClassStatus, reason: "exit status 2: …"},
		{name: "unknown", kind: script, target: netip.MustParseAddrPort("192.0.2.1:80"), params: strange, class: healthcheck.ClassInternal, reason: "exit status 3: …"},
	})
}

// TestRealNews: the server of package sn talks to whom inetd hands it.
func TestRealNews(t *testing.T) {
	s := newRealServer(t, "snntpd")
	s.file(".me", "news.example.com\n") // makes the directory a spool
	serve := func(spool string) netip.AddrPort {
		return listen(t, func(c net.Conn) {
			socket, err := c.(*net.TCPConn).File()
			if err != nil {
				t.Error(err)
				return
			}
			defer socket.Close()
			cmd := s.command("snntpd")
			cmd.Env = []string{"SNROOT=" + spool, "TCPREMOTEIP=127.0.0.1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
			cmd.Stdin, cmd.Stdout = socket, socket
			_ = cmd.Run() // a refusal is a failure to it
		})
	}
	const nntp = healthcheck.KindNNTP
	probeAll(t, New(Options{}), []row{
		{name: "greeting", kind: nntp, target: serve(s.dir), class: healthcheck.ClassOK, reason: "20…"},
		{name: "no STARTTLS", kind: nntp, target: serve(s.dir), tls: upgraded, class: healthcheck.ClassStatus, reason: `unexpected answer to STARTTLS: "5…`},
	})
}
