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
	alerter  healthcheck.Alerter
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
	a.services = map[string]conf.Service{}
	policies := map[string]healthcheck.AlertPolicy{}
	for _, s := range cfg.Services {
		if s.Alert != nil {
			a.services[s.Name], policies[s.Name] = s, s.Alert.AlertPolicy
		}
	}
	a.alerter.Configure(policies)
	a.mu.Unlock()
	a.due()
}

// changed takes in news about a pool.
func (a *alerts) changed(c poolChange) {
	down := c.Kind == ipvs.ServerDown || c.Kind == ipvs.QuorumLost
	reason := c.Reason
	if c.Kind == ipvs.QuorumLost || c.Kind == ipvs.QuorumGained {
		reason = fmt.Sprintf(weightReason, c.Weight)
	}
	a.mu.Lock()
	a.alerter.Change(time.Now(), healthcheck.AlertID{Service: c.Service, Server: c.Server}, down, reason)
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
	mail := s.Servers[alert.Server].Mail
	if wanted := mail == nil && s.Alert.Mail || mail != nil && *mail; wanted && s.Alert.Mailed(alert.State) {
		a.mail(alertMail(s, alert))
	}
}

// alertMail is an alert as mails tell it.
func alertMail(s conf.Service, alert healthcheck.Alert) notify.Change {
	c := notify.Change{Kind: "virtual server", Name: alert.Service, At: alert.At, Reason: alert.Reason}
	service, word := serviceText(s.Key), map[bool]string{true: "UP", false: "DOWN"}[alert.State == healthcheck.AlertUp]
	c.Subject, c.Text = fmt.Sprintf("Virtualserver %s - %s", service, word), quorumWords(s, alert)
	if alert.Server.IsValid() {
		c.Kind, c.Name = "real server", fmt.Sprintf("%s of %s", alert.Server, alert.Service)
		c.Subject = fmt.Sprintf("Realserver %s of virtual server %s - %s", endpointText(s.Key, alert.Server), service, word)
		c.Text = serverWords(alert)
	}
	c.State = notify.State(strings.ReplaceAll(string(alert.State), "_", " "))
	if alert.Dropped > 0 {
		c.Reason += fmt.Sprintf("; %d alerts before this one were not sent", alert.Dropped)
	}
	return c
}

// pipeLine is the line that keepalived writes to its pipe for a change of a
// virtual server ("VS [192.0.2.10]:tcp:80 UP") or of a real server ("RS
// [10.0.0.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN").
func pipeLine(key ipvs.ServiceKey, c poolChange) string {
	state := "UP"
	if c.Kind == ipvs.ServerDown || c.Kind == ipvs.QuorumLost {
		state = "DOWN"
	}
	if c.Server.IsValid() {
		return fmt.Sprintf("RS %s %s %s\n", endpointText(key, c.Server), serviceText(key), state)
	}
	return fmt.Sprintf("VS %s %s\n", serviceText(key), state)
}

// endpointText is how keepalived writes an address of a service.
func endpointText(key ipvs.ServiceKey, a netip.AddrPort) string {
	return fmt.Sprintf("[%s]:%s:%d", a.Addr(), key.Protocol, a.Port())
}

// serviceText is how keepalived writes a virtual server.
func serviceText(key ipvs.ServiceKey) string {
	if key.Mark != 0 {
		return fmt.Sprintf("FWM %d", key.Mark)
	}
	return endpointText(key, key.Address)
}

// stop ends what is due later.
func (a *alerts) stop() { a.timer.Stop() }

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
		call.command = append(call.command, words.Replace(w))
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
