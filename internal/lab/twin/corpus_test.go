package twin

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
	foreign "github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// corpusVariable names the environment variable with a directory of other
// people's configurations of keepalived, *.conf in the folders samples and wild.
const corpusVariable = "VIPD_CORPUS"

// leastOfCorpus is how many files of a hundred must have been compared: of the
// others many are templates with words in the place of addresses.
const leastOfCorpus = 40

// settle is for how long at least both run before they are compared, beyond the
// time that it takes them to become master; stopped how long after the end.
const (
	settle  = 3 * time.Second
	stopped = time.Second
)

// TestCorpus: other people's virtual routers under keepalived and vipd.
func TestCorpus(t *testing.T) {
	needCorpus(t)
	lab.Need(t, lab.Root, lab.Tool("keepalived"))
	t.Parallel()
	lab.Binary(t)
	compareCorpus(t, atOnceHost/2, false)
}

// TestGuestCorpus: other people's virtual servers under keepalived and vipd.
func TestGuestCorpus(t *testing.T) {
	needCorpus(t)
	t.Parallel()
	lab.Binary(t)
	if !lab.Guest(t) {
		return
	}
	lab.Need(t, lab.Tool("keepalived"), lab.Tool("ipvsadm"))
	compareCorpus(t, atOnceGuest/2, true)
}

// needCorpus skips where there is no corpus or no time for it.
func needCorpus(t *testing.T) {
	t.Helper()
	lab.Need(t, func() string {
		switch {
		case os.Getenv(corpusVariable) == "":
			return corpusVariable + ", a directory of other people's configurations"
		case !everything:
			return "the time that make twin has"
		}
		return ""
	})
}

// compareCorpus compares all files that have virtual servers, or virtual routers.
func compareCorpus(t *testing.T, atOnce int, services bool) {
	var files []string
	for _, folder := range []string{"samples", "wild"} {
		names, err := filepath.Glob(filepath.Join(os.Getenv(corpusVariable), folder, "*.conf*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, names...)
	}
	tokens := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	counted := &count{of: "files"}
	for _, file := range files {
		name := filepath.Base(file)
		if !chosen(name) {
			continue
		}
		f, err := readForeign(file, services)
		if err != nil {
			t.Logf("%s: %v", name, err)
			counted.add("left out: " + errors.Unwrap(err).Error())
			continue
		}
		tokens <- struct{}{}
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				became := failed
				defer func() { counted.add(became) }()
				became = f.compare(t)
			})
			<-tokens
		})
	}
	all.Wait()
	counted.report(t)
	if compared := counted.number[sameState]; os.Getenv("VIPD_LAB_CASES") == "" && !services && compared*100 < len(files)*leastOfCorpus {
		t.Errorf("%d of %d files were compared", compared, len(files))
	}
}

// Why files of the corpus are left out.
var (
	errBeyond  = errors.New("it reaches beyond a lab, or wants what a lab has not")
	errRefused = errors.New("it is refused for what it says (conf/keepalived TestCorpusAtLeastAsLenient)")
	errShared  = errors.New("the kernel makes one service of several virtual servers (difference shared-mark)")
	errProgram = errors.New("it runs programs that are not here")
	errOther   = errors.New("it has nothing to compare in this test")
	errName    = errors.New("it names an interface that no machine can have")
)

const notRunThere = "left out: keepalived ends with it"

// foreignFile is a configuration of the corpus with harmless programs.
type foreignFile struct {
	testCase   *testCase
	cfg        *conf.Config
	interfaces []string
}

var (
	// programs are the settings that name programs: those of other people are not
	// run. Who runs them is nobody whom this machine has, either.
	programs = regexp.MustCompile(`(?m)^(\s*(?:script|misc_path|notify(?:_(?:master|backup|fault|stop|up|down|master_rx_lower_pri))?|quorum_up|quorum_down|startup_script|shutdown_script)\s+)[^\s{].*$`)
	users    = regexp.MustCompile(`(?m)^(\s*(?:script_user|user)\s+).*$`)
	// elsewhere are settings that reach beyond the lab: mails, pipes.
	elsewhere = regexp.MustCompile(`(?m)^\s*(?:smtp_server|\w*fifo\w*)\s.*$`)
	// beyond are words of files that are left out: they write files, leave the
	// namespace or want what a lab has not.
	beyond = regexp.MustCompile(`(?m)^\s*(?:net_namespace\w*|namespace_with_ipsets|instance|use_pid_dir|\w*_dump_file|init_file|vrrp_iptables|\w*ipsets?\w*|bfd_instance|tmp_config_directory|config_save_dir|reload_time_file|lvs_sync_daemon\w*|linkbeat_\w+)\b`)
)

const harmless = "/bin/true"

// shared reports whether the kernel makes one service of several virtual
// servers, by the table of differences: shared-mark.
func shared(diags conf.Diagnostics) bool {
	return slices.ContainsFunc(diags, func(d conf.Diagnostic) bool { return d.Code == "duplicate_service" })
}

// readForeign reads a file and makes it harmless. The error tells why it cannot
// be run: vipd refuses it, or it is for something else.
func readForeign(file string, services bool) (*foreignFile, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text := elsewhere.ReplaceAllString(users.ReplaceAllString(programs.ReplaceAllString(string(b), "${1}"+harmless), "${1}root"), "")
	if beyond.MatchString(text) {
		return nil, fmt.Errorf("%w: %s", errBeyond, strings.TrimSpace(beyond.FindString(text)))
	}
	dangerous := ""
	cfg, diags := foreign.Load([]string{keepalivedConf}, conf.Options{
		Hostname: "lb", Env: func(string) (string, bool) { return "", false },
		Read: func(name string) ([]byte, error) {
			if name != keepalivedConf {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		},
		Program: func(path string) error {
			if path != harmless {
				dangerous = path
			}
			return nil
		},
	})
	switch {
	case cfg == nil:
		return nil, fmt.Errorf("%w: %v", errRefused, diags)
	case shared(diags):
		return nil, fmt.Errorf("%w", errShared)
	case dangerous != "":
		return nil, fmt.Errorf("%w: %s", errProgram, dangerous)
	case services && len(cfg.Services) == 0:
		return nil, fmt.Errorf("%w: no virtual server", errOther)
	case !services && len(cfg.Routers) == 0:
		return nil, fmt.Errorf("%w: no virtual router", errOther)
	}
	f := &foreignFile{cfg: cfg, testCase: &testCase{path: file, files: map[string]string{keepalivedConf: text}, only: onlyRouters}}
	if services {
		f.testCase.only = onlyCheckers
	}
	f.testCase.daemons = []string{keepalived, vipd}
	if len(cfg.Routers) == 0 || len(cfg.Services) == 0 { // vipd's own files have no parts
		f.testCase.daemons = append(f.testCase.daemons, converted)
	}
	f.interfaces, err = interfacesOf(cfg)
	return f, err
}

// longestName is that of an interface (linux/if.h, IFNAMSIZ).
const longestName = 15

// interfacesOf are the interfaces that a configuration names.
func interfacesOf(cfg *conf.Config) ([]string, error) {
	out := []string{"eth0"}
	for _, r := range append(slices.Clone(cfg.Routers), cfg.Static) {
		out = append(out, r.ID.Interface)
		for _, o := range r.Options {
			out = append(out, o.Interface)
		}
		for _, t := range r.Tracks {
			if t.ID.Kind == vrrp.TrackInterface {
				out = append(out, t.ID.Name)
			}
		}
	}
	slices.Sort(out)
	out = slices.DeleteFunc(slices.Compact(out), func(name string) bool { return name == "" || name == "lo" })
	for _, name := range out {
		if len(name) > longestName || strings.ContainsAny(name, "/ <") {
			return nil, fmt.Errorf("%w: %q", errName, name)
		}
	}
	return out, nil
}

// compare runs the file under all daemons and returns what became of it:
// keepalived may refuse it.
func (f *foreignFile) compare(t *testing.T) string {
	var stages []*stage
	for _, daemon := range f.testCase.daemons {
		stages = append(stages, f.stage(t, daemon))
	}
	for _, s := range stages {
		s.start()
	}
	longest := time.Duration(0)
	for i := range f.cfg.Routers {
		longest = max(longest, f.cfg.Routers[i].MasterDown())
	}
	diff := f.differ(t, stages, longest+settle)
	if !stages[0].proc.Running() {
		t.Logf("keepalived ends: %s", stages[0].proc.Log())
		return notRunThere
	}
	if diff != "" {
		t.Errorf("%s: while they run, %s", f.testCase.path, diff)
	}
	for _, s := range stages {
		s.stop()
	}
	if diff := f.differ(t, stages, stopped); diff != "" {
		t.Errorf("%s: after the end, %s", f.testCase.path, diff)
	}
	if t.Failed() {
		return failed
	}
	return sameState
}

// differ waits until all states are the same and stay so for a moment, and
// returns what is different when that takes too long.
func (f *foreignFile) differ(t *testing.T, stages []*stage, least time.Duration) string {
	t.Helper()
	start, good := time.Now(), 0
	for {
		diff := firstDifference(t, stages)
		running := time.Since(start)
		switch {
		case diff == "" && running >= least:
			if good++; good == looks {
				return ""
			}
			for _, s := range stages {
				s.doubt(good)
			}
		case running > least+corpusPatience, !stages[0].proc.Running() && least != stopped:
			return diff
		default:
			good = 0
		}
		time.Sleep(every)
	}
}

// firstDifference compares the state of the first stage with those of the
// others; "" when all are alike.
func firstDifference(t *testing.T, stages []*stage) string {
	t.Helper()
	var original []string
	for i, s := range stages {
		state, err := s.state()
		if err != nil {
			t.Fatal(err)
		}
		if state = alike(state); i == 0 {
			original = state
		} else if diff := gocmp.Diff(original, state); diff != "" {
			return fmt.Sprintf("-%s +%s:\n%s", stages[0].daemon, s.daemon, diff)
		}
	}
	return ""
}

// corpusPatience is for how long states may differ: checks that fail are
// repeated before they count.
const corpusPatience = 50 * time.Second

// stage makes a director with the interfaces that the file names, each on a
// segment of its own with a neighbour:
//
//	10.255.N.0/24  lb .1  world .254
func (f *foreignFile) stage(t *testing.T, daemon string) *stage {
	t.Helper()
	l := lab.New(t)
	s := emptyStage(t, f.testCase, daemon)
	for i, name := range f.interfaces {
		prefix := func(host int) string { return fmt.Sprintf("10.255.%d.%d/24", i+1, host) }
		segment := fmt.Sprintf("n%d", i)
		l.Bridge(segment, prefix(0))
		if i == 0 {
			s.world, s.lb = l.Host("world", segment, prefix(254)), l.Host("lb", segment, prefix(1))
		} else {
			s.world.Attach(segment, prefix(254))
			s.lb.Attach(segment, prefix(1))
		}
		s.rename(fmt.Sprintf("eth%d", i), fmt.Sprintf("made%d", i))
		s.wire.listen(t, s.world, fmt.Sprintf("eth%d", i), name)
	}
	for i, name := range f.interfaces {
		s.rename(fmt.Sprintf("made%d", i), name)
	}
	for i := range f.cfg.Routers {
		r := &f.cfg.Routers[i]
		s.own(r.Delivery.Source, cmp.Or(r.ID.Interface, f.interfaces[0]))
	}
	for i := range f.cfg.Services {
		if v := &f.cfg.Services[i]; v.HASuspend {
			s.own(v.Key.Address.Addr(), f.interfaces[0])
		}
	}
	s.open()
	return s
}

// own gives the director an address, if it is one and not there. An announcement
// of it is none of a virtual router.
func (s *stage) own(addr netip.Addr, iface string) {
	s.t.Helper()
	if !addr.IsValid() || s.lb.Holds(addr) {
		return
	}
	s.lb.AddAddress(iface, fmt.Sprintf("%v/%d", addr, addr.BitLen()))
	s.wire.ignore(addr)
}

// rename gives an interface of the director another name.
func (s *stage) rename(from, to string) {
	s.t.Helper()
	s.lb.LinkDown(from)
	if said, err := s.lb.Run("ip", "link", "set", "dev", from, "name", to); err != nil {
		s.t.Fatalf("rename %s: %v: %s", from, err, said)
	}
	s.lb.LinkUp(to)
}

var (
	ownRoute   = regexp.MustCompile(`proto (keepalived|112|18)\b`)
	ownAddress = regexp.MustCompile(` (dynamic|deprecated|noprefixroute|leased|secondary)\b`)
	ownNextHop = regexp.MustCompile(`hops \d+`)
	// madeAddress is the link-local address of an interface of the lab, by its MAC.
	madeAddress = regexp.MustCompile(`^address \S+ fe80::ff:fe00:`)
)

// alike takes out of a state what is different on purpose, by the table of
// differences: lease, ipv6-flags, vmac-route, route-owner, unicast-hops; and which
// of the addresses of a network came first, where instances start together.
func alike(state []string) []string {
	var out []string
	for _, l := range state {
		switch kind, _, _ := strings.Cut(l, " "); kind {
		case "address":
			if madeAddress.MatchString(l) {
				continue
			}
			l = ownAddress.ReplaceAllString(l, "")
		case "route", "rule":
			l = ownRoute.ReplaceAllString(l, "proto ours")
		case "advert":
			l = ownNextHop.ReplaceAllString(l, "hops")
		}
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}
