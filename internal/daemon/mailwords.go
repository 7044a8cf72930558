package daemon

import (
	"fmt"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/healthcheck"
)

// mailWords are what keepalived 2.2 says in mails of a real server that a check
// of some kind has judged: filters look for them.
var mailWords = map[healthcheck.Kind]struct{ up, down string }{
	healthcheck.KindTCP:    {"TCP CHECK succeed on service", "TCP CHECK failed on service"},
	healthcheck.KindHTTP:   {"CHECK succeed on service", "CHECK failed on service : HTTP request failed"},
	healthcheck.KindHTTPS:  {"CHECK succeed on service", "CHECK failed on service : HTTP request failed"},
	healthcheck.KindDNS:    {"DNS_CHECK: succeed on service", "DNS_CHECK: failed on service"},
	healthcheck.KindUDP:    {"UDP CHECK succeed on service", "UDP CHECK failed on service"},
	healthcheck.KindPing:   {"ICMP CHECK succeed on service", "ICMP CHECK failed on service"},
	healthcheck.KindScript: {"MISC CHECK succeeded on service", "MISC CHECK failed on service"},
}

// scriptTimedOut is what it says of a program that took too long. Ours is told
// from others by the words that it has for a timeout: "no end … within 5s".
const scriptTimedOut, timeoutWords = "MISC CHECK timed out on service", "no "

// serverWords are those of a real server, whose reason is "KIND: WHAT".
func serverWords(alert healthcheck.Alert) string {
	kind, why, _ := strings.Cut(alert.Reason, ": ")
	words, known := mailWords[healthcheck.Kind(kind)]
	switch up := alert.State == healthcheck.AlertUp; {
	case up && known:
		return words.up
	case up:
		return "CHECK succeed on service"
	case healthcheck.Kind(kind) == healthcheck.KindScript && strings.HasPrefix(why, timeoutWords):
		return scriptTimedOut
	case known:
		return words.down
	}
	return "CHECK failed on service : " + alert.Reason
}

// weightReason is the reason of a change of the quorum.
const weightReason = "weight %d"

// quorumWords are those of a virtual server: what the weight is compared with.
func quorumWords(s conf.Service, alert healthcheck.Alert) string {
	quorum, weight := s.QuorumNeeded(), 0
	news, bound := "Lost", quorum-s.Hysteresis
	if alert.State == healthcheck.AlertUp {
		news, bound = "Gained", quorum+s.Hysteresis
	}
	if _, err := fmt.Sscanf(alert.Reason, weightReason, &weight); err != nil {
		return alert.Reason
	}
	return fmt.Sprintf("%s quorum %d+%d=%d <= %d", news, quorum, s.Hysteresis, bound, weight)
}
