package healthcheck

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// AlertPolicy says which changes of a service are told to people. Its words
// are those of mon: alertafter, alertevery, upalert.
type AlertPolicy struct {
	After   time.Duration // how long something must have been down
	Every   time.Duration // how often that is repeated; 0 = never
	PerHour int           // most alerts of a service in an hour; 0 = any number
}

// AlertID names what an alert is about: a real server of a service or, with
// the zero address, the service as a whole.
type AlertID struct {
	Service string
	Server  netip.AddrPort
}

// AlertState is what an alert tells.
type AlertState string

// States of alerts. AlertUp only follows an AlertDown: who was not told of the
// trouble is not told of its end.
const (
	AlertDown  AlertState = "down"
	AlertStill AlertState = "still_down"
	AlertUp    AlertState = "up"
)

// Alert is one message to people.
type Alert struct {
	AlertID
	State   AlertState
	At      time.Time
	Since   time.Time // of the trouble
	Reason  string
	Dropped int // alerts of the service that the limit held back before this one
}

// Alerter decides what is told when. It knows no clock. Its zero value has no
// policies and tells nothing.
type Alerter struct {
	policies map[string]AlertPolicy
	troubles map[AlertID]*trouble
	budgets  map[string]*budget
	ready    []Alert
	next     time.Time // no trouble is due before; zero = none is at all
}

// trouble is something that is down.
type trouble struct {
	since  time.Time
	reason string
	told   bool
	due    time.Time // of the next alert; zero = none
}

// budget counts the alerts of a service.
type budget struct {
	sent    []time.Time // within the last hour
	dropped int
}

// Configure puts policies, by service, in force. Services without one are
// forgotten.
func (a *Alerter) Configure(policies map[string]AlertPolicy) {
	a.policies = policies
	for id := range a.troubles {
		if _, ok := policies[id.Service]; !ok {
			delete(a.troubles, id)
		}
	}
	for service := range a.budgets {
		if _, ok := policies[service]; !ok {
			delete(a.budgets, service)
		}
	}
}

// Change takes in that something went down or came up.
func (a *Alerter) Change(now time.Time, id AlertID, down bool, reason string) {
	policy, ok := a.policies[id.Service]
	if !ok {
		return
	}
	t := a.troubles[id]
	switch {
	case down && t == nil:
		if a.troubles == nil {
			a.troubles = map[AlertID]*trouble{}
		}
		t = &trouble{since: now, reason: reason, due: now.Add(policy.After)}
		a.troubles[id] = t
		if policy.After <= 0 {
			a.announce(now, id, t)
		} else {
			a.await(t)
		}
	case !down && t != nil:
		delete(a.troubles, id)
		if t.told {
			a.tell(Alert{AlertID: id, State: AlertUp, At: now, Since: t.since, Reason: reason})
		}
	}
}

// await notes when t is due.
func (a *Alerter) await(t *trouble) {
	if !t.due.IsZero() && (a.next.IsZero() || t.due.Before(a.next)) {
		a.next = t.due
	}
}

// announce tells of a trouble that is due, and when it is again.
func (a *Alerter) announce(now time.Time, id AlertID, t *trouble) {
	state := AlertDown
	if t.told {
		state = AlertStill
	}
	told := a.tell(Alert{AlertID: id, State: state, At: now, Since: t.since, Reason: t.reason})
	t.told = t.told || told
	t.due = time.Time{}
	if every := a.policies[id.Service].Every; every > 0 {
		t.due = now.Add(every)
		a.await(t)
	}
}

// Due returns the alerts whose time has come, in the order of their troubles.
func (a *Alerter) Due(now time.Time) []Alert {
	if !a.next.IsZero() && !a.next.After(now) {
		a.announceDue(now)
	}
	ready := a.ready
	a.ready = nil
	return ready
}

func (a *Alerter) announceDue(now time.Time) {
	var due []AlertID
	a.next = time.Time{}
	for id, t := range a.troubles {
		if !t.due.IsZero() && !t.due.After(now) {
			due = append(due, id)
		} else {
			a.await(t)
		}
	}
	slices.SortFunc(due, func(x, y AlertID) int {
		return cmp.Or(a.troubles[x].since.Compare(a.troubles[y].since), cmp.Compare(x.Service, y.Service), x.Server.Compare(y.Server))
	})
	for _, id := range due {
		a.announce(now, id, a.troubles[id])
	}
}

// tell makes an alert ready, unless its service had too many.
func (a *Alerter) tell(alert Alert) bool {
	if a.budgets == nil {
		a.budgets = map[string]*budget{}
	}
	b := a.budgets[alert.Service]
	if b == nil {
		b = &budget{}
		a.budgets[alert.Service] = b
	}
	b.sent = slices.DeleteFunc(b.sent, func(t time.Time) bool { return alert.At.Sub(t) >= time.Hour })
	if most := a.policies[alert.Service].PerHour; most > 0 {
		if len(b.sent) >= most {
			b.dropped++
			return false
		}
		b.sent = append(b.sent, alert.At)
	}
	alert.Dropped, b.dropped = b.dropped, 0
	a.ready = append(a.ready, alert)
	return true
}

// Next returns when Due may have something, false when only a change can bring
// it.
func (a *Alerter) Next() (time.Time, bool) { return a.next, !a.next.IsZero() }
