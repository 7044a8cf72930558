package conf

import (
	"slices"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// Alert says who is told when a virtual server or one of its real servers
// goes down.
type Alert struct {
	healthcheck.AlertPolicy
	// Down and Up are programs with arguments; empty = none.
	Down, Up []string
	Mail     bool // send a mail as well
	// MailStates are the alerts that are mailed; empty = all.
	MailStates []healthcheck.AlertState
	// MailTo and MailServer ("host:port") are instead of those of the mail
	// block; empty = as there.
	MailTo     []string
	MailServer string
	// MailDuring are the times whose changes are mailed; empty = all, but see
	// MailsNewcomers.
	MailDuring []Phase
	// MailTitle stands in brackets before a mail's subject, MailComment at its end.
	MailTitle, MailComment string
}

// Phase is a time in the daemon's life, as ldirectord's emailalertstatus tells
// them apart.
type Phase string

// Phases. What checks say for the first time of a real server belongs to the
// start or to the reload that brought it.
const (
	Starting  Phase = "starting"
	Running   Phase = "running"
	Reloading Phase = "reloading"
	Stopping  Phase = "stopping"
)

// phases are the words of mail_during.
var phases = []string{string(Starting), string(Running), string(Reloading), string(Stopping)}

// MailedDuring reports whether it is mailed what goes down in a phase, and comes
// up again.
func (a *Alert) MailedDuring(p Phase) bool {
	return len(a.MailDuring) == 0 || slices.Contains(a.MailDuring, p)
}

// MailsNewcomers reports whether it is mailed, too, what is up from the first in
// a phase, and what a reload or the stop removes.
func (a *Alert) MailsNewcomers(p Phase) bool { return slices.Contains(a.MailDuring, p) }

// Mailed reports whether alerts of a state are among those that are mailed.
func (a *Alert) Mailed(s healthcheck.AlertState) bool {
	return len(a.MailStates) == 0 || slices.Contains(a.MailStates, s)
}

// alertStates are the words of mail_states.
var alertStates = []string{string(healthcheck.AlertDown), string(healthcheck.AlertStill), string(healthcheck.AlertUp)}

var alertBlock = &block{
	name: "alert", once: true,
	help: "Programs and mails that tell people about real servers that go down or come up, and about the virtual server's quorum. " +
		"Words in braces become what they name: `{service}`, `{service_address}`, `{service_port}`, `{protocol}`, `{address}` and `{port}` of the real server (empty for the virtual server), `{state}` (`down`, `still_down`, `up`), `{reason}`. " +
		"The same is in the environment as `VIPD_SERVICE`, `VIPD_SERVICE_ADDRESS`, `VIPD_REAL_SERVER`, `VIPD_STATE`, `VIPD_REASON`, `VIPD_SINCE`, and with `VIPD_UNSAID` the number of alerts that `per_hour` held back.",
	attrs: []*attr{
		{name: "down", kind: kindStrings, help: "Program to run when something is down."},
		{name: "up", kind: kindStrings, help: "Program to run when it is up again, if `down` was run."},
		{name: "mail", kind: kindBool, def: "false", help: "Send an e-mail (`global.mail`) as well: one for all changes within ten seconds."},
		{name: "mail_states", kind: kindStrings, defNote: "all", help: "Which alerts are mailed: `down`, `still_down`, `up`."},
		{name: "mail_to", kind: kindStrings, defNote: "those of `global.mail`", help: "Recipients."},
		{name: "mail_server", kind: kindString, defNote: "that of `global.mail`", help: "Mail server, `\"host:port\"`."},
		{name: "mail_during", kind: kindStrings, defNote: "always",
			help: "When changes are mailed: `starting`, `running`, `reloading`, `stopping`. What checks first say of a real server belongs to the start or the reload that brought it. Written, it is mailed as well what is up at first, and what a reload or the stop removes."},
		{name: "mail_title", kind: kindString, help: "What stands in brackets before the subject of its mails."},
		{name: "mail_comment", kind: kindString, help: "What stands at the end of its mails."},
		{name: "after", kind: kindDuration, def: `"0s"`, min: 0, max: int64(24 * time.Hour), help: "How long it must have been down."},
		{name: "every", kind: kindDuration, def: `"0s"`, min: 0, max: int64(30 * 24 * time.Hour), help: "Repeat this often while it is down; `\"0s\"` never."},
		{name: "per_hour", kind: kindInt, def: "60", min: 0, max: 100000, help: "Most alerts of the virtual server in an hour; 0 is no limit."},
	},
}

// alert builds the alert block of a virtual server, nil when it has none.
func (b *builder) alert(n *node) *Alert {
	blocks := n.all("alert")
	if len(blocks) == 0 {
		return nil
	}
	k := blocks[0]
	a := &Alert{
		AlertPolicy: healthcheck.AlertPolicy{
			After: get[time.Duration](k, "after"), Every: get[time.Duration](k, "every"), PerHour: int(get[int64](k, "per_hour")),
		},
		Down: b.command(k, "down"), Up: b.command(k, "up"), Mail: get[bool](k, "mail"),
		MailServer: get[string](k, "mail_server"), MailTitle: get[string](k, "mail_title"), MailComment: get[string](k, "mail_comment"),
		MailTo: b.recipients(k, "mail_to"),
	}
	b.mailServer(k, "mail_server")
	for _, state := range get[[]located[string]](k, "mail_states") {
		if !slices.Contains(alertStates, state.v) {
			b.errorf("unknown_state", state.rng, didYouMean(state.v, alertStates), "there is no alert %q", state.v)
		}
		a.MailStates = append(a.MailStates, healthcheck.AlertState(state.v))
	}
	for _, phase := range get[[]located[string]](k, "mail_during") {
		if !slices.Contains(phases, phase.v) {
			b.errorf("unknown_phase", phase.rng, didYouMean(phase.v, phases), "there is no time %q in a daemon's life", phase.v)
		}
		a.MailDuring = append(a.MailDuring, Phase(phase.v))
	}
	if a.Mail {
		b.mailable(k, a.MailTo)
	}
	if len(a.Down) == 0 && len(a.Up) == 0 && !a.Mail && !k.bad("down", "up", "mail") {
		b.warnf("empty_alert", k.def, `down = ["/usr/local/bin/alert"]`, "this alert tells nobody")
	}
	return a
}
