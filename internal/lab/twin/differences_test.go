package twin

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// difference is something that vipd does otherwise on purpose.
type difference struct {
	id       string // that cases name
	original string // what the original does
	ours     string // what vipd does
	reason   string
	test     string // that shows it, where no case does
}

// differences is the table of all of them.
var differences = []difference{
	{
		"ipv6-flags", "an IPv6 address of a prefix is preferred and brings a route of its prefix",
		"IPv6 addresses are deprecated and bring no route", "they are leases: the host's own route of the prefix would end with them, and they would become the source of the host's own connections", "",
	},
	{
		"vmac-route", "an interface with a virtual MAC brings a second route of the prefix, for IPv6 also a copy of the host's link-local address", "it brings neither",
		"the two routes are equal, and the host's own traffic to the segment would leave by the interface of the virtual router", "",
	},
	{
		"route-owner", "routes and rules carry the protocol number 18", "they carry 112", "the number marks what is ours: nothing else is ever removed, not even what a keepalived left behind", "",
	},
	{
		"peer-address", "an address with a peer stays when the daemon stops", "it goes", "nobody serves it any more", "",
	},
	{
		"unicast-hops", "adverts to IPv6 peers have the machine's hop limit, 64", "255", "RFC 9568 section 5.1.2.3: routers discard others", "",
	},
	{
		"rule-ports", "dport in a rule is lost where sport is given", "both are set", "the rule as written", "",
	},
	{
		"route-protocol", "a protocol written for a route is ignored", "the route carries it", "the route as written", "",
	},
	{
		"mark-port", "ldirectord gives a real server of a firewall mark the port that is written", "it has none with gate and ipip, as under keepalived",
		"the kernel changes no port then, and a mark may collect several: the connection table would show a port that nobody used; checks and maintenance files know the port", "",
	},
	{
		"quorum-start", "with alpha and no sorry_server quorum_down is never run until the quorum was there once", "it is run as soon as all real servers have been checked and too few are up",
		"who is told about the quorum must learn that nothing serves", "ipvs TestKeepalived_QuorumAtStart",
	},
	{
		"states-on-reload", "with fifo_write_vrrp_states_on_reload a reload writes the states of groups only", "it writes those of instances, too",
		"the keyword promises the states, and an instance without a group has no other line", "",
	},
	{
		"mail-at-start", "a mail tells of every virtual server that is up after the start", "none: mails tell what goes down, and that it is up again",
		"nobody reads what comes with every start", "",
	},
	{
		"mail-reason", "a mail about a real server says that a check failed", "it says so in the same words, and below them what the check said",
		"who is woken by it needs to know what is wrong", "internal/notify TestKeepalived_MailIsPlain",
	},
	{
		"mail-storm", "every change is a mail of its own", "of more than 20 in ten seconds the rest is one mail", "who gets ten thousand mails reads none, and the mail server takes none",
		"internal/notify TestStormIsOneMail",
	},
	{
		"script-umask", "programs run with umask 0177, so that nobody can enter directories that they make", "the same under `vipd keepalived`; under `vipd run` they have the umask of the service, or the one that `umask` names",
		"it is the administrator's choice, as for any other service", "internal/lab/system TestKeepalived_Users",
	},
	{
		"idle-process", "what the file does not configure has no process and no pid file", "both processes run, and have their pid files; with --vrrp or --check one has none",
		"a reload that adds the first instance or virtual server starts nothing new", "",
	},
	{
		"mail-start", "ldirectord adds every real server before it has checked it, and removes it again: mails tell of both", "mails tell what the first checks say",
		"nobody gets a connection before his first check", "",
	},
	{
		"shared-mark", "virtual servers of one firewall mark and several protocols are one service of the kernel, with the real servers of all", "the first counts, and the others are told of (`duplicate_service`)",
		"two pools would decide about one service", "conf/keepalived TestGroups",
	},
	{
		"suspend-address", "with ha_suspend checks rest while the address is not on the machine, whoever puts it there", "they rest while the instance that has it is not master; an address that no instance has counts as there",
		"a service whose address comes by other means than these files would never be checked", "internal/daemon TestSuspended",
	},
	{
		"source-announcement", "an address that unicast adverts are sent from is announced at the start if it is not the first one of its interface", "it is not",
		"it belongs to the host, whose kernel answers for it", "internal/lab/twin TestCorpus",
	},
	{
		"regex-header", "a regular expression is looked for in the header of the answer, too, and offsets count from its beginning, whenever it arrives together with the page",
		"in the page alone", "what arrives together is chance: the same server would be up and down", "healthcheck/probe TestHTTPAnswers",
	},
	{
		"fallback-command", "ldirectord runs the command of the fallback anew for every real server that goes or comes at the start", "it is run when the fallback comes, and when it goes",
		"nothing has changed in between", "",
	},
	{
		"ld-interval", "ldirectord's checkinterval is the pause between two rounds of all checks, and a check that hangs delays all others", "it is the time from probe to probe of each check",
		"the death of a server is seen as soon as the interval says, whatever others do", "healthcheck/runner TestHungProbesDelayNobody",
	},
	{
		"ld-unchecked", "with ldirectord a new real server gets connections before its first check", "it gets none", "a server that is down must not lose requests first", "ipvs TestAlpha",
	},
	{
		"ld-expression", "ldirectord's receive is an expression of Perl", "of RE2: look-around and back-references are errors with their line", "an expression that takes for ever would stop the checks", "conf/ldirectord TestBad",
	},
	{
		"ld-oracle", "ldirectord's Oracle check logs in and runs a query", "the listener is asked for the service", "the client library of the vendor is no free software", "conf/ldirectord TestTranslate",
	},
	{
		"ld-callback", "ldirectord runs callback with the next round of checks", "when the file has not changed again for two seconds", "half a file is not copied", "internal/daemon TestFilesChanged",
	},
	{
		"ld-execute", "execute starts another ldirectord", "one daemon runs both files; autoreload, callback, maintenancedir and the sender of mails are those of the first", "one daemon keeps one table", "conf/ldirectord TestTranslate",
	},
	{
		"ld-results", "a line of monitorfile has all settings of the real server, and ldirectord's words", "kind, address and port, and vipd's words", "the settings are in the file, and a line is to be read", "internal/daemon TestResultLine",
	},
	{
		"ld-redirect", "ldirectord's HTTP checks follow redirects to other servers", "they are followed on the same server only", "the check is of this server", "conf/ldirectord TestTranslate",
	},
	{
		"ld-mailer", "without smtp ldirectord runs a mail program; several recipients are one address to a mail server", "the mail server of this host gets the mail; each recipient is an address", "a mail that a strict server refuses tells nobody", "internal/notify TestMailsByRecipients",
	},
	{
		"ld-sender", "emailalertfrom of ldirectord is in the header of a mail; the mail server is told root at this host", "both are emailalertfrom", "a mail that cannot be delivered comes back to somebody who reads it, and mail servers refuse senders that do not exist", "internal/notify TestMailsByRecipients",
	},
	{
		"ld-login", "checks of one real server that differ in login, passwd, secret or database only are one check of ldirectord's", "each is a check of its own", "a password that is refused in one virtual server says nothing about another one", "conf/ldirectord TestLoginsAreTriedEach",
	},
	{
		"lease", "an address stays for ever when the daemon is killed", "where another router was seen or is configured, addresses have a lifetime and end by themselves",
		"a dead or frozen daemon cannot hold an address that its successor serves", "internal/lab/system TestKilledDirector",
	},
	{
		"hand-over", "priority 0, and the addresses go at once", "converted files say hand_over; then a stopping master serves on until its successor is heard", "no request is lost", "internal/lab/system TestSafety_2_1_HandOverLosesNothing",
	},
	{
		"successor", "who stops says nothing about who serves now", "it repeats the announcement of its successor",
		"a neighbour that has missed it would go on sending to the director that is gone", "vrrp/kernel TestSafety_2_5_HeirsAreAnnouncedAgain",
	},
	{
		"vrid-clash", "adverts of another cluster with our VRID silence us", "an advert without any of our addresses is refused and reported",
		"VRID 51 is everywhere: two clusters on a segment must not take each other down", "vrrp TestRFC9568_7_1_AddressList",
	},
	{
		"same-host", "two daemons on a host run the same virtual router", "the instance is not started while another daemon runs it, and doctor tells",
		"the likeliest mistake of a migration", "internal/lab/system TestKeepalived_OnTheSameHost",
	},
	{
		"missing-file", "a missing configuration file is an empty one, exit status 0", "it is an error, exit status 2", "a director that serves nothing is no success", "cmd/vipd TestExitCodes",
	},
	{
		"fatal-reload", "a reload with a file that cannot be used ends the daemon and leaves the addresses", "everything runs on, all problems are logged",
		"a typing error must not take the service down", "internal/daemon TestReloadOfABrokenFileKeepsTheOldOne",
	},
}

// differencesPage is where the table is documented.
var differencesPage = filepath.Join("..", "..", "..", "docs", "keepalived-differences.md")

// TestDifferences: where vipd leaves another state than the original, the case
// names the reason, and every reason is shown by a case or a test.
func TestDifferences(t *testing.T) {
	shown := map[string][]string{}
	for _, c := range readCases(t, casesDir) {
		differs := slices.ContainsFunc(c.steps, func(s step) bool { return s.different(c.original()) })
		if differs != (len(c.differs) > 0) {
			t.Errorf("%s: states differ: %v, reasons: %q", c.name(), differs, c.differs)
		}
		for _, id := range c.differs {
			if !slices.ContainsFunc(differences, func(d difference) bool { return d.id == id }) {
				t.Errorf("%s: no difference %q in the table", c.name(), id)
			}
			shown[id] = append(shown[id], "`"+c.name()+"`")
		}
	}
	var page strings.Builder
	page.WriteString("# Where vipd differs from keepalived and ldirectord on purpose\n\n" +
		"The cases in testdata/twin run the same configuration under the original and under vipd and compare addresses, links, routes, rules, the IPVS table, " +
		"adverts on the wire, and what programs and pipes are told. This table holds everything that is different and why; it is generated from the table of that test: " +
		"`VIPD_LAB_UPDATE=1 go test ./internal/lab/twin -run TestDifferences`.\n\n" +
		"| difference | the original | vipd | reason | shown by |\n|---|---|---|---|---|\n")
	for _, d := range differences {
		by := d.test
		if cases := shown[d.id]; len(cases) > 0 {
			by = strings.Join(cases, ", ")
		}
		if !hasTest(t, d.test) && len(shown[d.id]) == 0 {
			t.Errorf("nothing shows the difference %s", d.id)
		}
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", d.id, d.original, d.ours, d.reason, by)
	}
	if update {
		if err := os.WriteFile(differencesPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(differencesPage); err != nil || string(have) != page.String() {
		t.Errorf("%s is not up to date (%v)", differencesPage, err)
	}
}

// hasTest reports whether a package, by its folder, has a test.
func hasTest(t *testing.T, name string) bool {
	t.Helper()
	dir, test, _ := strings.Cut(name, " ")
	files, err := filepath.Glob(filepath.Join("..", "..", "..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "\nfunc "+test+"(")
	})
}
