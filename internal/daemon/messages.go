package daemon

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/runner"
)

// Methods of the link. Calls go from the supervisor to a role, notices from
// a role to the supervisor.
const (
	callConfigure = "configure"
	callAmend     = "amend"
	callStatus    = "status"
	callReady     = "table_ready"
	callStop      = "stop"
	callPing      = "ping"
	callOverrides = "overrides"
	callInstances = "instances"
	callVerify    = "verify"
	callObserved  = "observed"
	callStandBy   = "standby"
	callServices  = "services"
	callYield     = "yield" // answered when another process goes on, or cannot

	noticeEvent      = "event"
	noticeReady      = "ready"
	noticePeerHeard  = "peer_heard"
	noticeState      = "state"
	noticeTransition = "transition"
	noticeChange     = "change"
	noticeMemory     = "told"
	noticeVerdict    = "told_one" // one changed memory
)

// routerConfig is the one message that configures the router role.
type routerConfig struct {
	Static           vrrp.Config // addresses, routes and rules outside elections
	Routers          []vrrp.Config
	PeerHeard        []vrrp.RouterID
	AwaitReady       bool
	Resume           bool // this role was restarted by a supervisor that lived on
	Inherited        bool // this supervisor did not start the role
	AllowOtherDaemon bool
	Process          conf.Process
	Answers, Notices conf.Buffer
	Filter           *conf.Filter // nil = the default
	RealTime         int          // priority of all threads, 0 = ordinary scheduling
	Groups           []vrrp.Group
	StandBy          []vrrp.Standby
	Observed         []vrrp.Observed // the last verdicts about what is tracked
}

// routerStatus is the router role's answer to callStatus.
type routerStatus struct {
	Goroutines int
	Routers    []vrrp.RouterStatus
	Interfaces []vrrp.InterfaceDrops
	Addresses  []runner.AddressStatus
}

// checkerConfig is the one message that configures the checker role.
type checkerConfig struct {
	Number         uint64       // tells it from the one before
	Virtual        []netip.Addr // addresses that no probe may leave from
	Services       []conf.Service
	MaintenanceDir string // empty = none
	IPVS           conf.IPVS
	Sync           *ipvs.SyncConfig
	Process        conf.Process
	Overrides      overrideSet
	Instances      instanceStates
	Start          bool // of the daemon
	// Memory is what an earlier life of the role knew of the real servers.
	Memory []json.RawMessage // of type healthcheck.Memory
}

// instanceState is the router role's word on one virtual router.
type instanceState struct {
	ID     vrrp.RouterID
	Master bool
}

// instanceStates is what the checker role must know of the elections.
type instanceStates struct {
	Seq     uint64       // the higher one is the later one, whichever arrives last
	Masters []string     // names of the instances that are master here
	Away    []netip.Addr // virtual addresses that another director holds
}

// poolChange is news about a pool, for hooks and the log.
type poolChange struct {
	Service string
	ipvs.Change
	Reason string // what a check last said, of changes of real servers
}

// routerStop tells the router role how to leave. A second one during a
// hand-over that is immediate ends it.
type routerStop struct {
	Immediate bool
	// Keep leaves everything as it is, for the next start to find.
	Keep bool
}

// checkerStop tells the checker role how to leave.
type checkerStop struct {
	// KeepTable leaves the IPVS table and the sync daemons as they are.
	KeepTable bool
	// Except are the services of which the opposite is true.
	Except []ipvs.ServiceKey
}

// leaving is how the checker role leaves at a stop.
func leaving(cfg *conf.Config) checkerStop {
	how := checkerStop{KeepTable: cfg.Global.KeepAll || cfg.Global.KeepTable}
	if cfg.Global.KeepAll {
		return how
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.KeepOnStop != nil && *s.KeepOnStop != how.KeepTable {
			how.Except = slices.AppendSeq(how.Except, s.Keys())
		}
	}
	return how
}

// stays reports whether a service stays in the table.
func (s checkerStop) stays(k ipvs.ServiceKey) bool {
	return s.KeepTable != slices.Contains(s.Except, k)
}

// keepsAll reports whether there is nothing to remove.
func (s checkerStop) keepsAll() bool { return s.KeepTable && len(s.Except) == 0 }

// remove removes what does not stay.
func (s checkerStop) remove(rec *ipvskernel.Reconciler) error {
	if len(s.Except) > 0 {
		return rec.RemoveBut(s.stays)
	}
	return rec.RemoveOurs()
}

// checkerStatus is the checker role's answer to callStatus.
type checkerStatus struct {
	Goroutines int
	Services   json.RawMessage `json:",omitempty"` // []api.Service, which most who ask pass on
	Problems   []string        // of these
	IPVS       api.IPVS
	Error      string // of the last attempt to program the table
}

// stopBound is how long a role may take to put kernel state in order and exit,
// beyond the hand-over of its masters.
const stopBound = 900 * time.Millisecond
