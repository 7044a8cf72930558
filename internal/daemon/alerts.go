package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/notify"
	"github.com/vipd/vipd/ipvs"
)

// alertPause is the least time between two looks at what is due later: of ten
// thousand troubles that are, not each gets one.
const alertPause = 50 * time.Millisecond

// alerts tell people about virtual and real servers that go down, as the
// configuration wants it.
type alerts struct {
	event func(api.Event)
	run   func(*hookCall)
	mail  func(notify.Change)

	mu       sync.Mutex
	services map[string]conf.Service
	words    func(conf.Service, healthcheck.Alert) (subject, text string)
	alerter  healthcheck.Alerter
	roster   roster
	timer    *time.Timer
}

func newAlerts(event func(api.Event), run func(*hookCall), mail func(notify.Change)) *alerts {
	a := &alerts{event: event, run: run, mail: mail}
	a.timer = time.AfterFunc(time.Hour, a.due)
	a.timer.Stop()
	return a
}

// configure puts a configuration in force; troubles that are known stay so.
func (a *alerts) configure(cfg *conf.Config) {
	a.mu.Lock()
	a.services, a.words = map[string]conf.Service{}, keepalivedWords
	if m := cfg.Global.Mail; m != nil && m.Style == conf.MailLdirectord {
		a.words = ldirectordWords
	}
	policies := map[string]healthcheck.AlertPolicy{}
	for _, s := range cfg.Services {
		if s.Alert != nil {
			a.services[s.Name], policies[s.Name] = s, s.Alert.AlertPolicy
		}
	}
	a.alerter.Configure(policies)
	for _, id := range a.roster.configure(a.services) {
		a.removed(id, conf.Reloading)
	}
	a.mu.Unlock()
	a.due()
}

// removed mails that a real server goes with a reload or the stop. Call with the
// mutex held.
func (a *alerts) removed(id healthcheck.AlertID, phase conf.Phase) {
	if s := a.services[id.Service]; s.Alert.MailsNewcomers(phase) {
		a.mailOf(s, healthcheck.Alert{AlertID: id, State: alertRemoved, At: time.Now(), Reason: string(phase)}, phase)
	}
}

// leave mails which real servers go with the daemon.
func (a *alerts) leave(how checkerStop) {
	a.timer.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.roster.present(a.services) {
		if !how.stays(a.services[id.Service].Key) {
			a.removed(id, conf.Stopping)
		}
	}
}

// changed takes in news about a pool.
func (a *alerts) changed(c poolChange) {
	down := c.Kind == ipvs.ServerDown || c.Kind == ipvs.QuorumLost
	reason := c.Reason
	if c.Kind == ipvs.QuorumLost || c.Kind == ipvs.QuorumGained {
		reason = fmt.Sprintf(weightReason, c.Weight)
	}
	id := healthcheck.AlertID{Service: c.Service, Server: c.Server}
	a.mu.Lock()
	newcomer := a.roster.judged(id, !down)
	a.alerter.Change(time.Now(), id, down, reason)
	if s, has := a.services[id.Service]; has && newcomer && s.Alert.MailsNewcomers(a.roster.phase(id)) {
		a.mailOf(s, healthcheck.Alert{AlertID: id, State: healthcheck.AlertUp, At: time.Now(), Reason: reason}, a.roster.phase(id))
	}
	a.mu.Unlock()
	a.due()
}

// due carries out what is due and sets the timer for the rest.
func (a *alerts) due() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alert := range a.alerter.Due(time.Now()) {
		a.tell(alert)
	}
	if next, ok := a.alerter.Next(); ok {
		a.timer.Reset(max(time.Until(next), alertPause))
	}
}

// tell carries out one alert. Call with the mutex held.
func (a *alerts) tell(alert healthcheck.Alert) {
	s := a.services[alert.Service]
	level, command := "warn", s.Alert.Down
	if alert.State == healthcheck.AlertUp {
		level, command = "info", s.Alert.Up
	}
	a.event(api.Event{Level: level, Kind: "alert", Message: alertText(alert), Attrs: map[string]any{
		"service": alert.Service, "server": serverText(alert.Server), "state": string(alert.State), "reason": alert.Reason, "unsaid": alert.Dropped,
	}})
	if len(command) > 0 {
		a.run(alertCall(s, alert, command))
	}
	phase := conf.Running
	if alert.State != healthcheck.AlertStill {
		phase = a.roster.phase(alert.AlertID)
	}
	if s.Alert.Mailed(alert.State) && s.Alert.MailedDuring(phase) {
		a.mailOf(s, alert, phase)
	}
}

// mailOf sends a mail, if the real server wants one and the style has words for
// it. Call with the mutex held.
func (a *alerts) mailOf(s conf.Service, alert healthcheck.Alert, phase conf.Phase) {
	mail := s.Servers[alert.Server].Mail
	if wanted := mail == nil && s.Alert.Mail || mail != nil && *mail; !wanted {
		return
	}
	c := alertChange(s, alert)
	if c.Subject, c.Text = a.words(s, alert); c.Subject == "" {
		return
	}
	c.Phase, c.To, c.Server, c.Title, c.Comment = phase, s.Alert.MailTo, s.Alert.MailServer, s.Alert.MailTitle, s.Alert.MailComment
	a.mail(c)
}

// alertChange is an alert as a digest tells it.
func alertChange(s conf.Service, alert healthcheck.Alert) notify.Change {
	c := notify.Change{Kind: "virtual server", Name: s.Name, At: alert.At, Reason: alert.Reason}
	if alert.Server.IsValid() {
		c.Kind, c.Name = "real server", fmt.Sprintf("%s of %s", alert.Server, s.Name)
	}
	c.State = notify.State(strings.ReplaceAll(string(alert.State), "_", " "))
	if alert.Dropped > 0 {
		c.Reason += fmt.Sprintf("; %d alerts before this one were not sent", alert.Dropped)
	}
	return c
}

// alertText describes an alert for people.
func alertText(alert healthcheck.Alert) string {
	what := "virtual server " + alert.Service
	if alert.Server.IsValid() {
		what = fmt.Sprintf("real server %s of %s", alert.Server, alert.Service)
	}
	text := what + " is " + map[healthcheck.AlertState]string{
		healthcheck.AlertDown: "down", healthcheck.AlertStill: "still down", healthcheck.AlertUp: "up",
	}[alert.State]
	if alert.State != healthcheck.AlertDown {
		text += fmt.Sprintf(", %s after it went down", alert.At.Sub(alert.Since).Round(time.Second))
	}
	if alert.Reason != "" {
		text += ": " + alert.Reason
	}
	if alert.Dropped > 0 {
		text += fmt.Sprintf(" (%d alerts before this one were not sent)", alert.Dropped)
	}
	return text
}

// alertCall is the program of an alert with its words filled in.
func alertCall(s conf.Service, alert healthcheck.Alert, command []string) *hookCall {
	address, port := "", ""
	if alert.Server.IsValid() {
		address, port = alert.Server.Addr().String(), strconv.Itoa(int(alert.Server.Port()))
	}
	service := s.Key.Address
	words := strings.NewReplacer("{service}", s.Name, "{service_address}", service.Addr().String(),
		"{service_port}", strconv.Itoa(int(service.Port())), "{protocol}", s.Key.Protocol.String(), "{address}", address, "{port}", port,
		"{state}", string(alert.State), "{reason}", alert.Reason)
	call := &hookCall{
		key: "alert " + s.Name + " " + address + " " + port, service: s.Name, state: string(alert.State),
		env: []string{
			"VIPD_SERVICE_ADDRESS=" + service.String(), "VIPD_REAL_SERVER=" + serverText(alert.Server), "VIPD_REASON=" + alert.Reason,
			"VIPD_SINCE=" + alert.Since.Format(time.RFC3339), "VIPD_UNSAID=" + strconv.Itoa(alert.Dropped),
		},
	}
	for _, w := range command {
		call.program.Args = append(call.program.Args, words.Replace(w))
	}
	return call
}

func serverText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// poolReason is what the checks say of a real server: of one that is down a
// failing one, else the last. Call with the mutex held.
func (c *checkerRole) poolReason(s conf.Service, real netip.AddrPort) string {
	if c.maintenance.covers(real) {
		return "maintenance"
	}
	var good, bad string
	for _, ck := range s.Checks[real] {
		history := c.probes.History(healthcheck.KeyFor(ck, real))
		if len(history) == 0 {
			continue
		}
		last := history[len(history)-1]
		text := string(ck.Settings.Kind) + ": " + last.Reason
		if last.OK() {
			good = cmp.Or(good, text)
		} else {
			bad = cmp.Or(bad, text)
		}
	}
	return cmp.Or(bad, good)
}
