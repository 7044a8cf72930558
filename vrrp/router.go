package vrrp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// neighbour is another router of the same virtual router, as its last advert
// described it. The zero value means nobody.
type neighbour struct {
	addr     netip.Addr
	priority uint8
	interval time.Duration
	heard    time.Time
}

// router is one virtual router of this director.
type router struct {
	engine *Engine
	iface  *iface
	cfg    Config
	order  int // place in the configuration
	slot   int // place in the agenda
	next   time.Time

	held       []netip.Prefix // all addresses
	list       []byte         // the configured list of adverts in wire form
	advertised []byte         // those of them that fit into an advert

	// priority is the effective one.
	priority uint8
	tracks   []Track // own and of the group
	group    *group  // nil when the router stands alone
	past     []Past  // last transitions, oldest first
	peers    [keptPeers]PeerHeard

	// standby is the operator's order in force, nil for none; summoned is set
	// when one was taken back, until somebody is master.
	standby  *Standby
	summoned bool
	// wants is set while the router waits for the rest of its group to become
	// master, for the reason claimed.
	wants   bool
	claimed cause

	state    State
	since    time.Time
	lastFrom State
	last     cause

	// refused is the other VRRP daemon that runs this router on this host.
	refused string
	// resumeUntil is how long the proof holds that we were master just now.
	resumeUntil time.Time
	// undecided is set until we know whether addresses that an earlier life
	// of this daemon may have left are ours to hold or to release.
	undecided bool
	// heard is set once any other router was ever heard.
	heard bool

	// deadline is the master-down timer of a backup and the advert timer of
	// a master.
	deadline  time.Time
	refresh   time.Time
	announced announcement

	lease     LeaseMode // in force
	leaseTime time.Duration
	epoch     uint64

	master  neighbour // whose adverts a backup obeys
	passed  neighbour // whose adverts it ignores because it will preempt
	learned time.Duration
	// preemptAt is when the delay of preemption ends, zero while none runs.
	preemptAt time.Time
	// leaving is set while the skew after the master's priority 0 runs.
	leaving bool

	probing probing
	handing handOver
	// departing is set while the router hands over because it is no longer
	// configured.
	departing bool
	// reasserted is when an advert was last sent out of turn.
	reasserted time.Time
	// What authentication remembers: the last sequence number of the
	// authentication header, sent or heard, and the last one heard; and those
	// of the HMAC trailer.
	headerSeq, headerHeard uint32
	trailerSeq             uint64
	marks                  marks
	headerSigner           headerSigner
	trailerSigner          trailerSigner

	// omitted are the adverts in a row that a master left out for want of a
	// source address; more than it may leave out end its mastership.
	omitted int
	// sendFailing is set when an advert failed since the last periodic one.
	sendFailing bool
	counters    Counters
	remarks     map[ReportKind]remark
}

// newRouter returns a router in initialize.
func newRouter(e *Engine, c Config) *router {
	r := &router{engine: e, iface: e.iface(c.Carrier()), undecided: true}
	r.counters.TransitionsTo = make(map[string]uint64)
	r.counters.Dropped = newDropCounters()
	r.remarks = make(map[ReportKind]remark)
	r.setConfig(c)
	r.priority = c.Priority
	r.learned = c.AdvertInterval
	return r
}

// setConfig replaces the configuration with a copy of c.
func (r *router) setConfig(c Config) {
	c.Addresses, c.Excluded = slices.Clone(c.Addresses), slices.Clone(c.Excluded)
	r.cfg, r.held = c, c.Held()
	r.list = AppendList(nil, c.Addresses)
	r.fitList()
}

// fitList cuts the advertised list to what one packet can carry.
func (r *router) fitList() {
	fits := maxCount
	if mtu := r.iface.link.MTU; mtu > 0 {
		fits = max(0, min(fits, (mtu-r.cfg.overhead())/addressLen(r.cfg.ID.Family)))
	}
	r.advertised = r.list[:min(len(r.list), fits*addressLen(r.cfg.ID.Family))]
	if len(r.advertised) == len(r.list) {
		r.forgetRemark(ReportListCut)
	} else {
		r.remarkOn(ReportListCut, neighbour{}, uint64(len(r.advertised)), "not all addresses fit into an advert")
	}
}

// overhead is what an advert's packet holds besides addresses, in bytes.
func (c *Config) overhead() int {
	const ipv6Header = 40
	n := headerLen
	if c.ID.Family == IPv6 {
		n += ipv6Header
	} else {
		n += ipv4Header + authDataLen
	}
	if c.Auth.Type == AuthHeader {
		n += headerAHLen
	}
	if c.Auth.HMAC != nil {
		n += trailerLen
	}
	return n
}

// AdvertSize is the size of an advert's packet at most, in bytes.
func (c *Config) AdvertSize() int { return c.overhead() + len(c.Addresses)*addressLen(c.ID.Family) }

// masterInterval is what the master's adverts are expected at: learned in
// version 3, our own in version 2, where a different one is rejected.
func (r *router) masterInterval() time.Duration {
	if r.cfg.Version == 2 {
		return r.cfg.AdvertInterval
	}
	return r.learned
}

// masterDown is the master-down interval with the present master.
func (r *router) masterDown() time.Duration {
	interval := r.masterInterval()
	return r.cfg.SilentFor(interval) + SkewTime(r.cfg.Version, r.priority, interval)
}

// nextDeadline returns the earliest timer, zero when none runs.
func (r *router) nextDeadline() time.Time {
	return earliest(earliest(r.deadline, r.refresh), earliest(r.announced.next(), r.handing.end))
}

// running reports whether the router takes part in the election.
func (r *router) running() bool { return r.state == StateBackup || r.state == StateMaster }

// usable reports whether adverts can be sent and heard.
func (r *router) usable() bool { return r.iface.usable() && r.source().IsValid() }

// canSend reports whether adverts can be sent: what a port sends reaches the
// network, although the port hears nothing.
func (r *router) canSend() bool { return r.iface.link.runs() && r.source().IsValid() }

// owner reports whether this router is the address owner.
func (r *router) owner() bool { return r.cfg.Priority == PriorityOwner }

// tick handles every timer of the router that has run out.
func (r *router) tick(now time.Time) {
	if r.state == StateBackup {
		r.claim(now, r.takeoverCause(now))
		return
	}
	if due(r.handing.end, now) {
		r.endHandOver(now)
		return
	}
	if due(r.deadline, now) {
		r.advertOnTime(now)
	}
	if due(r.refresh, now) {
		r.hold(now, true)
	}
	if repeat := r.announced.take(now); repeat > 0 {
		r.gratuitousBlock(r.held, repeat)
	}
	if r.announced.takeExtra(now) {
		if extras := r.cfg.extras(); len(extras) > 0 {
			r.gratuitousBlock(extras, 1)
		}
	}
}

// advertOnTime sends the periodic advert. The next one keeps the cadence
// unless this one left more than an interval late.
func (r *router) advertOnTime(now time.Time) {
	switch {
	case r.source().IsValid():
		r.noteLateness(now.Sub(r.deadline))
		if !r.sendFailing {
			r.forgetRemark(ReportSendFailed)
		}
		r.sendFailing, r.omitted = false, 0
		r.advertise(now)
	case r.omitted < r.omissions():
		r.omitted++
	default:
		r.loseVoice(now)
		return
	}
	r.deadline = r.deadline.Add(r.cfg.AdvertInterval)
	if !r.deadline.After(now) {
		r.deadline = now.Add(r.cfg.AdvertInterval)
	}
}

// omissions is how many periodic adverts in a row may be left out for want of a
// source address: peers that are configured alike wait for one more.
func (r *router) omissions() int {
	const late, last = 1, 1 // the one before may just have been sent; another must still come
	return max(0, int(cmp.Or(r.cfg.DownAdverts, DefaultDownAdverts))-late-last)
}

// catchUp makes an advert due that was left out for want of a source address, as
// soon as there is one: the next time it is missing has nothing to do with this.
func (r *router) catchUp(now time.Time) {
	if r.state == StateMaster && !r.deadline.IsZero() && r.omitted > 0 && r.source().IsValid() { // not while it hands over
		r.deadline = now
	}
}

// advertise sends one advert and, in strict mode, the refresh that hangs on
// it. It leaves the advert timer alone.
func (r *router) advertise(now time.Time) {
	r.sendAdvert(r.priority)
	if r.lease == LeaseStrict {
		r.hold(now, true)
	}
}

// noteLateness counts how late a periodic advert is.
func (r *router) noteLateness(late time.Duration) {
	r.counters.LatenessSum += late
	r.counters.LatenessMax = max(r.counters.LatenessMax, late)
	if late > r.cfg.AdvertInterval/10 {
		r.counters.AdvertsLate++
	}
	if late > r.cfg.AdvertInterval {
		r.report(ReportLate, netip.Addr{}, late.String())
	}
}
