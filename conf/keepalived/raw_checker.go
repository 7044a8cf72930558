package keepalived

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// serverGroup is a virtual_server_group.
type serverGroup struct {
	name    string
	at      place
	members []groupMember
}

// groupMember is a line of a group: addresses with a port, or a mark.
type groupMember struct {
	addrs  []netip.Addr
	port   uint16
	mark   uint32
	family ipvs.Family // of the mark; 0 = not written
	at     place
}

// timing are the settings that check, real server and virtual server may have.
type timing struct {
	interval, timeout, pause, warmup *time.Duration
	retry                            *int
	alpha                            *bool
	host                             *string
}

// service is a virtual_server.
type service struct {
	at         place
	title      string // for messages and as name
	addr       netip.AddrPort
	mark       uint32
	group      string
	six        *bool
	protocol   *string
	scheduler  *string
	flags      []word
	flagsAt    []place
	forward    *forwarding
	persistent *time.Duration
	mask       *int
	engine     *string
	onePacket  *bool
	quiescent  *bool
	quorum     *int
	hysteresis *int
	omega      *bool
	haSuspend  *bool
	up, down   *program
	weight     *int
	timing
	sorry        *server
	sorryInhibit *bool
	sorryForward *forwarding
	servers      []*server
	smtpAlert    *bool
}

// forwarding is a method with the settings of a tunnel.
type forwarding struct {
	method ipvs.Forward
	tunnel ipvs.TunnelSettings
}

// server is a real_server.
type server struct {
	at           place
	addr         netip.AddrPort // port 0: that of the service
	weight       *int
	forward      *forwarding
	upper, lower *int
	quiescent    *bool
	timing
	checks    []*check
	up, down  *program
	smtpAlert *bool
}

// check is one checker.
type check struct {
	at   place
	kind healthcheck.Kind
	timing
	address        *netip.Addr
	port           *int
	source         *netip.Addr
	sourcePort     *int
	iface          *string
	mark           *int
	urls           []*url
	protocol       *string
	sni            *bool
	tlsClose       *bool
	sniName        *string
	hello          *string
	dnsType, query *string
	path           *program
	scriptTimeout  *time.Duration
	dynamic        *bool
	user           *string
	payload        []byte
	reply          *string
	wantReply      bool
	logFailures    *bool
	replyLeast     *int // octets
	replyMost      *int
	file           *string
	weight         *int
}

// url is one request of HTTP_GET and SSL_GET.
type url struct {
	path, digest, host, regex *string
	noMatch, tlsClose         *bool
	anchored                  bool
	flags                     string
	from, to                  *int
	status                    string
	at                        place
}
