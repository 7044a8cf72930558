package healthcheck

import (
	"encoding/json"
	"fmt"
	"slices"
	"unique"
)

// Kind names what a probe does.
type Kind string

// Kinds of checks.
const (
	KindTCP        Kind = "tcp"        // connection is accepted; optional send and expect
	KindHTTP       Kind = "http"       // request over HTTP/1.1 or HTTP/2
	KindHTTPS      Kind = "https"      // request over TLS
	KindHTTPProxy  Kind = "http_proxy" // request for an absolute URL
	KindGRPC       Kind = "grpc"       // grpc.health.v1
	KindSMTP       Kind = "smtp"
	KindPOP3       Kind = "pop3"
	KindIMAP       Kind = "imap"
	KindFTP        Kind = "ftp"
	KindNNTP       Kind = "nntp"
	KindDNS        Kind = "dns"
	KindLDAP       Kind = "ldap"
	KindMySQL      Kind = "mysql"
	KindPostgreSQL Kind = "postgresql"
	KindOracle     Kind = "oracle" // TNS listener
	KindRADIUS     Kind = "radius"
	KindSIP        Kind = "sip"
	KindRedis      Kind = "redis"
	KindUDP        Kind = "udp"    // datagram, optional answer
	KindPing       Kind = "ping"   // ICMP echo
	KindScript     Kind = "script" // a program of this host
	KindFile       Kind = "file"   // a file of this host
	KindAgent      Kind = "agent"  // a program on the real server says how it is
	KindOn         Kind = "on"     // up without asking
	KindOff        Kind = "off"    // down without asking
)

// spec is what the package knows about a kind.
type spec struct {
	kind     Kind
	defaults Params // nil: the kind has no parameters
	decode   func([]byte) (Params, error)
	modes    []TLSMode // allowed, the default first
	local    bool      // no packet leaves this host
}

// Sets of TLS modes, the default first.
var (
	neverTLS  = []TLSMode{TLSOff}
	alwaysTLS = []TLSMode{TLSOn}
	maybeTLS  = []TLSMode{TLSOff, TLSOn}
	startTLS  = []TLSMode{TLSOff, TLSOn, TLSStart}
)

// specs are all kinds, in the order of the documentation.
var specs = []spec{
	with(KindTCP, TCP{}, maybeTLS),
	with(KindHTTP, defaultHTTP, neverTLS),
	with(KindHTTPS, defaultHTTP, alwaysTLS),
	with(KindHTTPProxy, defaultHTTP, neverTLS),
	with(KindGRPC, GRPC{}, maybeTLS),
	with(KindSMTP, SMTP{Hello: "vipd.invalid"}, startTLS),
	with(KindPOP3, Mailbox{}, startTLS),
	with(KindIMAP, Mailbox{}, startTLS),
	with(KindFTP, FTP{User: "anonymous", Password: "vipd@"}, startTLS),
	{kind: KindNNTP, modes: startTLS},
	with(KindDNS, DNS{Name: ".", Type: "SOA", Transport: "udp", Code: "NOERROR"}, neverTLS),
	with(KindLDAP, LDAP{Filter: "(objectClass=*)"}, startTLS),
	with(KindMySQL, SQL{}, maybeTLS),
	with(KindPostgreSQL, SQL{}, maybeTLS),
	with(KindOracle, Oracle{}, neverTLS),
	with(KindRADIUS, RADIUS{NASIdentifier: "vipd"}, neverTLS),
	with(KindSIP, SIP{Transport: "udp", User: "vipd", Status: "200"}, maybeTLS),
	with(KindRedis, Redis{}, maybeTLS),
	with(KindUDP, UDP{}, neverTLS),
	{kind: KindPing, modes: neverTLS},
	localKind(KindScript, Script{}),
	localKind(KindFile, File{Words: true}),
	with(KindAgent, Agent{}, maybeTLS),
	{kind: KindOn, modes: neverTLS, local: true},
	{kind: KindOff, modes: neverTLS, local: true},
}

// with describes a kind that has parameters.
func with[P Params](k Kind, defaults P, modes []TLSMode) spec {
	decode := func(text []byte) (Params, error) {
		var p P
		err := json.Unmarshal(text, &p)
		return p, err
	}
	return spec{kind: k, defaults: defaults, decode: decode, modes: modes}
}

func localKind[P Params](k Kind, defaults P) spec {
	s := with(k, defaults, neverTLS)
	s.local = true
	return s
}

// specOf returns what is known about a kind; of an unknown one, only that.
func specOf(k Kind) (spec, bool) {
	i := slices.IndexFunc(specs, func(s spec) bool { return s.kind == k })
	if i < 0 {
		return spec{modes: neverTLS}, false
	}
	return specs[i], true
}

// Kinds returns all kinds of checks, in the order of the documentation.
func Kinds() []Kind {
	var all []Kind
	for _, s := range specs {
		all = append(all, s.kind)
	}
	return all
}

// TLSModes returns the modes that checks of kind k can have, the default
// first.
func (k Kind) TLSModes() []TLSMode {
	s, _ := specOf(k)
	return slices.Clone(s.modes)
}

// Local reports whether the kind looks at this host only: its probes have a
// target for the name's sake.
func (k Kind) Local() bool {
	s, _ := specOf(k)
	return s.local
}

// UnmarshalJSON reads what encoding/json wrote. The type of Params follows
// from Kind.
func (s *Settings) UnmarshalJSON(text []byte) error {
	type plain Settings // without this method
	in := struct {
		*plain
		Params json.RawMessage
	}{plain: (*plain)(s)}
	s.Params = nil
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("decode check settings: %w", err)
	}
	known, _ := specOf(s.Kind)
	if known.decode == nil || len(in.Params) == 0 || string(in.Params) == "null" {
		return nil
	}
	var err error
	if s.Params, err = known.decode(in.Params); err != nil {
		return fmt.Errorf("decode %s check settings: %w", s.Kind, err)
	}
	// Thousands of checks have the same parameters: one copy is enough.
	s.Params = unique.Make(s.Params).Value()
	return nil
}
