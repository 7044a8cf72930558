package daemon

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
	"github.com/vipd/vipd/ipvs"
)

// alertRemoved is what mails tell of a real server that goes with a reload or
// the stop.
const alertRemoved healthcheck.AlertState = "removed"

// keepalivedWords are the subject and the text of keepalived's mails.
func keepalivedWords(s conf.Service, alert healthcheck.Alert) (subject, text string) {
	service, word := serviceText(s.Key), map[bool]string{true: "UP", false: "DOWN"}[alert.State == healthcheck.AlertUp]
	if !alert.Server.IsValid() {
		return fmt.Sprintf("Virtualserver %s - %s", service, word), quorumWords(s, alert)
	}
	return fmt.Sprintf("Realserver %s of virtual server %s - %s", endpointText(s.Key, alert.Server), service, word), serverWords(alert)
}

// ldirectordWords are the subject of ldirectord's mails, which is the line of its
// log. It has none of a virtual server that loses its last real server and has
// no fallback.
func ldirectordWords(s conf.Service, alert healthcheck.Alert) (subject, text string) {
	service := s.Key.Address.String()
	if s.Key.Mark != 0 {
		service = fmt.Sprint(s.Key.Mark)
	}
	up := alert.State == healthcheck.AlertUp
	if !alert.Server.IsValid() {
		return fallbackWords(s, service, alert.State), ""
	}
	i := slices.IndexFunc(s.RealServers, func(rs ipvs.RealServer) bool { return rs.Address == alert.Server })
	quiescent := i >= 0 && s.QuiescentServer(s.RealServers[i])
	server := fmt.Sprintf("%s (%s)", alert.Server, service)
	switch {
	case alert.State == alertRemoved:
		return fmt.Sprintf("Purged real server (%s): %s", purgeWords[conf.Phase(alert.Reason)], server), ""
	case alert.State == healthcheck.AlertStill:
		return "Inaccessible real server: " + server, ""
	case !up && quiescent:
		return fmt.Sprintf("Quiescent real server: %s (Weight set to 0)", server), ""
	case !up:
		return "Deleted real server: " + server, ""
	}
	verb, weight := "Added", 1
	if quiescent {
		verb = "Restored"
	}
	if i >= 0 {
		weight = s.RealServers[i].Weight
	}
	return fmt.Sprintf("%s real server: %s (Weight set to %d)", verb, server, weight), ""
}

// purgeWords are when real servers are removed: a reload is a start to it.
var purgeWords = map[conf.Phase]string{conf.Reloading: "start", conf.Stopping: "stop"}

// fallbackWords tell that the fallback of a virtual server serves, or no longer
// does.
func fallbackWords(s conf.Service, service string, state healthcheck.AlertState) string {
	if s.Fallback == nil {
		return ""
	}
	server := fmt.Sprintf("%s (%s)", s.Fallback.Address, service)
	switch state {
	case healthcheck.AlertDown:
		return fmt.Sprintf("Added fallback server: %s (Weight set to %d)", server, max(s.Fallback.Weight, 1))
	case healthcheck.AlertUp:
		return "Deleted fallback server: " + server
	}
	return ""
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
