package keepalived

import (
	"net/netip"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// reader holds what the statements say, before it is put together: names may
// be used before they are defined, and global settings are defaults.
type reader struct {
	*report
	opts conf.Options

	global                      globals
	instances                   []*instance
	vmacs                       map[string]bool // names of interfaces of virtual routers
	groups                      []*syncGroup
	scripts                     []*trackScript
	files                       []*trackFile
	processes                   []*trackProcess
	vgroups                     []*serverGroup
	services                    []*service
	byName                      map[string]*service // by the names that they got
	statics                     []vip
	delays                      map[string]linkDelay // by interface
	garpGroups                  []*garpGroup
	paths                       vrrp.Paths // static ones
	certificate, certificateKey *string    // of SSL
	runs                        bool       // some program
	autoRules                   int        // rules that got their preference here
	links                       []link     // interfaces that are named
	lateLinks                   bool       // some of them may come later: dynamic_interfaces

	// What the statements of an open block belong to.
	inst    *instance
	group   *syncGroup
	script  *trackScript
	file    *trackFile
	process *trackProcess
	svc     *service
	rs      *server
	chk     *check
	url     *url
}

func newReader(r *report, o conf.Options) *reader {
	return &reader{
		report: r, opts: o, vmacs: map[string]bool{}, byName: map[string]*service{}, global: globals{pipeReaders: map[conf.PipeKind]*program{}},
	}
}

// globals are the settings of global_defs.
type globals struct {
	routerID                                   *string
	mailTo                                     []string
	mailFrom, mailHelo                         *string
	mailServer                                 *string
	smtpAlert, smtpAlertVRRP, smtpAlertChecker *bool
	noMailFaults                               *bool
	defaultInterface                           *string
	plainChecksum                              *bool
	timeouts                                   timeouts
	flush, flushOnStop                         *bool
	sync                                       *syncDaemon
	group4, group6                             *netip.Addr
	garp                                       garp
	version, downAdverts                       *int
	checkUnicastSource, strict                 *bool
	rules                                      deviations
	pipes                                      []conf.Pipe
	pipeReaders                                map[conf.PipeKind]*program
	processNames                               *bool
	processes                                  [3]process // supervisor, router, checker
	dataFile, statsFile, jsonFile              *string
	jsonVersion                                *int
	statesOnReload, notifyPriority             *bool
	mailTimeout                                *time.Duration
	startup, shutdown                          *program
	startupTimeout, shutdownTimeout            *time.Duration
	startupDelay                               *time.Duration
	scriptUser, vmacPrefix                     *string
	logFailures                                *bool // of checks
	scriptSecurity                             *bool
	realTime                                   *int // priority
	names                                      iproute
	umask                                      *uint32
	namespace, tableNamespace, instance        *string
	pidDir, namedDumps, tellFirst              *bool
	reloadFile, reloadTime                     *string
	reloadRepeat                               *bool
	filterTable                                *string
	filterPriority                             *int
	bootDelay                                  *time.Duration
	childWait                                  *time.Duration
	answers, notices, processBuffer            buffer
	receive                                    receivePolicy
}

type timeouts struct{ tcp, tcpFin, udp time.Duration }

// garp are the settings of announcements.
type garp struct {
	delay, refresh, lowerDelay         *time.Duration
	repeat, refreshRepeat, lowerRepeat *int
	interval, naInterval               *time.Duration
	minimal                            *bool
	extra                              *time.Duration
	extraAll                           bool
}

// process is how one of the processes runs.
type process struct {
	name   *string
	nice   *int
	cpus   []int
	noSwap *bool

	realTime *int
	limit    *time.Duration // of running in real time
}

// deviations are the switches of the election's rules.
type deviations struct{ noLower, sendHigher, deafOwner, skipCheck *bool }

// syncDaemon is lvs_sync_daemon.
type syncDaemon struct {
	iface, instance string
	id, maxLen      int
	port            int
	ttl             int
	group           netip.Addr
	at              place
}

// instance is a vrrp_instance.
type instance struct {
	name          string
	at, vridAt    place
	words         map[string]place // where its keywords stand
	iface         *string
	master        *bool
	vrid          *int
	priority      *int
	version       *int
	interval      *time.Duration
	intervalAt    place
	vips          []vip
	excluded      []vip
	preempt       *bool
	preemptDelay  *time.Duration
	downAdverts   *int
	multicastFrom *netip.Addr
	unicastFrom   *netip.Addr
	group         *netip.Addr
	peers         []vrrp.Peer
	hasPeers      bool
	ttl           *int
	checkSource   *bool
	plainChecksum *bool
	authType      *string
	authPass      *string
	authAt        place
	hmac          *hmacSettings
	garp          garp
	notify        notify
	tracks        []track
	noVIP         *bool
	accept        *bool
	strict        *bool
	ignoreCarrier *bool
	needPeers     *bool
	receiveBuffer *int // octets
	rules         deviations
	syncInterface *string
	vmac          *vrrp.VMAC
	vmacBase      *bool
	paths         vrrp.Paths
}

// vip is a virtual address.
type vip struct {
	prefix  netip.Prefix
	at      place
	options vrrp.AddressOptions
}

// hmacSettings are those of auth_hmac.
type hmacSettings struct {
	keys   []vrrp.HMACKey
	active *int
	window *time.Duration
	replay *string
	mode   *string
	at     place
}

// notify are the programs of an instance or group.
type notify struct {
	master, backup, fault, stop, deleted, any, lower *program
	smtpAlert, priority                              *bool
}

// track is a reference to something that is tracked.
type track struct {
	kind    vrrp.TrackKind
	name    string
	weight  *int
	reverse *bool
	at      place
}

// syncGroup is a vrrp_sync_group.
type syncGroup struct {
	name    string
	at      place
	members []word
	atOf    []place
	tracks  []track
	notify  notify
}

// trackScript is a vrrp_script.
type trackScript struct {
	name              string
	at                place
	program           *program
	interval, timeout *time.Duration
	weight            *int
	reverse           bool
	rise, fall        *int
	user              *string
	initFail          *bool
	gone              bool // without a program
}

// trackFile is a track_file.
type trackFile struct {
	name    string
	at      place
	path    *string
	weight  *int
	reverse bool

	init      *int
	overwrite bool
}

// trackProcess is a vrrp_track_process.
type trackProcess struct {
	name    string
	at      place
	command []string
	match   *string
	full    *bool
	weight  *int
	reverse bool
	quorum  *int
	most    *int           // quorum_max
	delay   *time.Duration // of the loss
	upDelay *time.Duration
}

// linkDelay is for how long the state of an interface must last to count.
type linkDelay struct{ down, up time.Duration }
