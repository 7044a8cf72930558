package ldirectord

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vipd/vipd/internal/golden"
)

// meanings are what each directive becomes here: its default in ldirectord, the
// key of vipd's own language, what else is to be said.
var meanings = map[string]struct{ def, here, remark string }{
	"virtual":          {"", "`virtual_server`", "`address:port`, or the number of a firewall mark; without a port it is an error: ldirectord reads the first number as a mark"},
	"virtual6":         {"", "`virtual_server`", "the address in brackets"},
	"real":             {"", "`real_server`", "a range is several; the method is needed; request and receive only together; `l:` before `u:`, else it is an error: ldirectord loses `u:`"},
	"real6":            {"", "`real_server`", "no ranges, as there"},
	"checktimeout":     {"5", "`check.timeout`", "of the virtual server, of either kind, goes before the global ones, and its own kind before the other"},
	"negotiatetimeout": {"30", "`check.timeout`", "of checks that negotiate, but for LDAP and RADIUS"},
	"checkinterval":    {"10", "`check.interval`", "the time from probe to probe, there the pause between two rounds; of a virtual server it counts without `fork`, too"},
	"checkcount":       {"1", "", needless["checkcount"]},
	"failurecount":     {"1", "`check.fall`", ""},
	"timeout":          {"", "`check.timeout`", "of version 1: both timeouts; later versions refuse it"},
	"connecttimeout":   {"", "`check.timeout`", "of version 1: both timeouts; later versions refuse it"},
	"autoreload":       {"no", "`global.autoreload`", ""},
	"callback":         {"", "`global.files_changed`", "with the name of the file"},
	"fallback":         {"", "`fallback`", "with the port and the weight that ldirectord gives it; the method is gate unless it is written; none with `checktype = off`"},
	"fallback6":        {"", "`fallback`", "of `virtual6`"},
	"fallbackcommand":  {"", "`quorum.on_down`, `quorum.on_up`", "with start or stop, address and port, and the protocol behind it; through a shell when it has words of its own"},
	"logfile":          {"", "", needless["logfile"]},
	"execute":          {"", "", "one daemon runs both files"},
	"supervised":       {"no", "", needless["supervised"]},
	"fork":             {"no", "", needless["fork"]},
	"quiescent":        {"no", "`quiescent`", "no when it is absent, whatever the manual says"},
	"readdquiescent":   {"no", "", needless["readdquiescent"]},
	"cleanstop":        {"yes", "`global.keep_table_on_stop`, `keep_on_stop`", ""},
	"emailalert":       {"", "`alert.mail`, `global.mail.to`, `alert.mail_to`", "each recipient is one address; a name alone is one of this host"},
	"emailalertfrom":   {"", "`global.mail.from`", "the user at this host when it is absent"},
	"emailalertfreq":   {"0", "`alert.every`", "to the second, there with the next round of checks"},
	"emailalertstatus": {"all", "`alert.mail_during`", ""},
	"smtp":             {"", "`global.mail.server`, `alert.mail_server`", "port 25; without it the mail server of this host, there a mail program"},
	"maintenancedir":   {"", "`global.maintenance_dir`", "the same names of files"},
	"request":          {`"/"`, "`path`, `name`, `query`, `base`, `send` or `url` of the check", "without its leading slash where the service has none"},
	"receive":          {`""`, "`expect`", "RE2: look-around and back-references are errors; a `#` in quotes is an error: ldirectord cuts the value off there"},
	"login":            {`""`, "`user`", ""},
	"passwd":           {`""`, "`password`", ""},
	"database":         {`""`, "`database`, or `service` of Oracle", ""},
	"secret":           {`""`, "`secret`", ""},
	"load":             {"", "", needless["load"]},
	"checktype":        {"negotiate", "kind of the `check`", "a number N: one negotiation, then N connections (`cheap`); connect of UDP is a ping, as there"},
	"checkcommand":     {"/bin/true", "`command` of `check \"script\"`", "address and port of the virtual server, then of the real server; no shell"},
	"checkport":        {"", "`port` of the check", "else that of the real server, else that of the service"},
	"scheduler":        {"wrr", "`scheduler`", ""},
	"persistent":       {"", "`persistence.timeout`", ""},
	"schedflags":       {"", "`scheduler_flags`", ""},
	"netmask":          {"", "`persistence.netmask`", "without `persistent` no effect, as there"},
	"protocol":         {"tcp", "`protocol`", "udp for port 53; marks have none"},
	"ops":              {"no", "`one_packet`", ""},
	"service":          {"by the port", "kind of the `check`", "none for other ports and for marks: real servers are always up, as there, and `vipd check` warns"},
	"httpmethod":       {"GET", "`method`", ""},
	"virtualhost":      {"", "`virtual_host`", ""},
	"monitorfile":      {"", "`log_file`", "the same line but for the settings of the real server; the text is vipd's"},
	"servicename":      {"", "name of the `virtual_server`, `alert.mail_title`", ""},
	"comment":          {"", "`alert.mail_comment`", "for mails only"},
}

// formTexts are how values are written.
var formTexts = map[form]string{
	number: "number", yesNo: "yes, no", word: "word", quoted: "in quotes", mayQuote: "quotes or not", verbatim: "as it is", pathOrWord: "in quotes",
}

// TestDirectivesPage writes what becomes of every directive, and where it is
// compared with ldirectord; none is left out, and none is made up.
func TestDirectivesPage(t *testing.T) {
	known := append(slices.Collect(maps.Keys(directives)), "virtual", "virtual6", "real", "real6")
	slices.Sort(known)
	if diff := slices.Sorted(maps.Keys(meanings)); !slices.Equal(diff, known) {
		t.Fatalf("the page tells of %v, the reader knows %v", diff, known)
	}
	shown := shownBy(t)
	var page strings.Builder
	page.WriteString("# ldirectord's directives\n\n" +
		"What vipd makes of every directive of ldirectord.cf. This page is generated: `go test ./conf/ldirectord -run TestDirectivesPage -update`. " +
		"The last column names the cases of testdata/twin that run under ldirectord and under vipd with it.\n\n" +
		"| directive | where | value | default | vipd | remark | compared |\n|---|---|---|---|---|---|---|\n")
	for _, name := range known {
		m := meanings[name]
		here := m.here
		if here == "" {
			here = "not needed"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s | %s | %s |\n", name, placesOf(name), valueOf(name), m.def, here, m.remark, shown[name])
	}
	golden.Compare(t, filepath.Join("..", "..", "docs", "ldirectord-directives.md"), page.String())
}

// placesOf are where a directive may stand.
func placesOf(name string) string {
	d, is := directives[name]
	switch {
	case !is && strings.HasPrefix(name, "virtual"):
		return "global"
	case !is, !d.global:
		return "virtual"
	case d.virtual:
		return "both"
	}
	return "global"
}

func valueOf(name string) string {
	if d, is := directives[name]; is {
		return formTexts[d.form]
	}
	return "as it is"
}

// shownBy are the twins that have each directive, globally or in a virtual server.
func shownBy(t *testing.T) map[string]string {
	t.Helper()
	names := map[string][]string{}
	for key, by := range twins(t) {
		key = strings.TrimPrefix(key, "virtual/")
		names[key] = append(names[key], by...)
	}
	out := map[string]string{}
	for key, by := range names {
		slices.Sort(by)
		out[key] = "`" + strings.Join(slices.Compact(by), "`, `") + "`"
	}
	return out
}
