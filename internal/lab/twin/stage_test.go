package twin

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/internal/lab"
)

// The daemons.
const (
	keepalived = "keepalived"
	ldirectord = "ldirectord"
	vipd       = "vipd"
	converted  = "converted" // vipd with what it makes of the file
)

// Files of the director.
const (
	convertedConf  = "converted.hcl"
	keepalivedConf = "keepalived.conf"
	ldirectordConf = "ldirectord.cf"
	notesFile      = "note.txt" // what programs append to
	pipeFile       = "pipe.txt" // what is read from the pipe "pipe"
	dirWord        = "LAB"      // stands for the director's directory
)

const (
	converge = 2 * time.Minute        // until the state must be as wanted
	every    = 150 * time.Millisecond // between two looks
	looks    = 3                      // that must show the same
	// calm is for how long a state stays as it is before it is recorded, and
	// patience for how much longer where the guest's one processor is shared.
	calm     = 6 * time.Second
	patience = 6 * time.Second
)

// stage is one director with its neighbours:
//
//	lan 192.0.2.0/24, 2001:db8::/64       lb .1 eth0   world .254 eth0
//	wan 198.51.100.0/24, 2001:db8:1::/64  lb .1 eth1   world .254 eth1
//
// The world has the real servers 192.0.2.11-14 and 2001:db8::11-14 too.
type stage struct {
	t       *testing.T
	c       *testCase
	daemon  string
	lb      *lab.Host
	world   *lab.Host
	proc    *lab.Proc
	peer    *lab.Proc
	wire    *wire
	mail    *mailbox
	servers *servers
	hasIPVS bool
	before  []string
	heard   map[string]int

	changed atomic.Bool // the kernel has told of a change
	links   seen        // by ip
	table   seen        // by ipvsadm
	text    string      // the kernel's own view of IPVS then
	doubted bool        // all is asked for anew
}

func newStage(t *testing.T, c *testCase, daemon string) *stage {
	t.Helper()
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	l.Bridge("wan", "198.51.100.0/24")
	s := emptyStage(t, c, daemon)
	s.world, s.lb = l.Host("world", "lan", "192.0.2.254/24"), l.Host("lb", "lan", "192.0.2.1/24")
	s.attach(s.world, "254", "fe")
	s.attach(s.lb, "1", "1")
	s.wire.listen(t, s.world, "eth0", "lan")
	s.wire.listen(t, s.world, "eth1", "wan")
	s.servers = startServers(t, s.world)
	s.mail = startMailbox(t, s.world)
	s.open()
	return s
}

// emptyStage is a stage without hosts.
func emptyStage(t *testing.T, c *testCase, daemon string) *stage {
	return &stage{
		t: t, c: c, daemon: daemon, hasIPVS: c.only != onlyRouters, heard: map[string]int{}, mail: &mailbox{},
		wire: &wire{adverts: map[string]string{}, announced: map[string]bool{}, listeners: map[string]string{}, hosts: map[netip.Addr]bool{}},
	}
}

// open puts the files in their places and notes what is there already.
func (s *stage) open() {
	s.t.Helper()
	for _, files := range []map[string]string{s.c.files, clientFiles(s.t)} {
		for name, text := range files {
			s.put(name, s.c.ownText(name, text, s.daemon))
		}
	}
	s.pipe()
	s.watch()
	var err error
	if s.before, err = s.state(); err != nil {
		s.t.Fatalf("look at the machine: %v", err)
	}
}

// attach gives a host its other addresses.
func (s *stage) attach(h *lab.Host, four, six string) {
	s.t.Helper()
	h.Attach("wan", "198.51.100."+four+"/24")
	h.AddAddress("eth0", "2001:db8::"+six+"/64")
	h.AddAddress("eth1", "2001:db8:1::"+six+"/64")
}

// put writes a file of the director's; programs can be run.
func (s *stage) put(name, text string) {
	s.t.Helper()
	path := s.lb.WriteFile(name, strings.ReplaceAll(text, dirWord, s.lb.Dir()))
	if strings.HasPrefix(text, "#!") {
		if err := os.Chmod(path, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
}

// pipe makes the pipe that notifications can be sent to, and records it.
func (s *stage) pipe() {
	s.t.Helper()
	if !strings.Contains(s.c.files[keepalivedConf], dirWord+"/pipe") {
		return
	}
	path := filepath.Join(s.lb.Dir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.lb.Start("sh", "-c", fmt.Sprintf("exec cat <>%s >%s", path, pipeFile))
}

// run carries out all steps.
func (s *stage) run() {
	s.t.Helper()
	for i := range s.c.steps {
		step := &s.c.steps[i]
		s.forget()
		s.do(step.verb, step.args)
		if update {
			s.record(step)
			continue
		}
		want := step.want[s.daemon]
		if s.daemon == converted {
			want = step.want[vipd]
		}
		if err := s.expect(want); err != nil {
			s.t.Fatalf("after %q, %v", step.name(), err)
		}
	}
}

// expect waits until the state is as wanted and stays so for a moment.
func (s *stage) expect(want []string) error {
	deadline, good := time.Now().Add(converge), 0
	for {
		got, err := s.state()
		switch {
		case err != nil:
			return err
		case slices.Equal(got, want):
			if good++; good == looks {
				return nil
			}
			s.doubt(good)
		case time.Now().After(deadline):
			return fmt.Errorf("state (-want +got):\n%s", cmp.Diff(want, got))
		default:
			good = 0
		}
		time.Sleep(every)
	}
}

// doubt makes the last of several looks ask anew.
func (s *stage) doubt(good int) {
	s.doubted = good == looks-1
}

// record waits until the state is calm and takes it as the wanted one.
func (s *stage) record(step *step) {
	s.t.Helper()
	var last []string
	quiet := calm
	if s.hasIPVS {
		quiet += patience
	}
	for since, start := time.Now(), time.Now(); time.Since(since) < quiet || time.Since(start) < 2*quiet; time.Sleep(every) {
		if time.Since(start) > converge {
			s.t.Fatalf("after %q, the state is never calm:\n%s", step.name(), strings.Join(last, "\n"))
		}
		got, err := s.state()
		if err != nil {
			s.t.Fatal(err)
		}
		if !slices.Equal(got, last) {
			since, last = time.Now(), got
		}
	}
	recording.Lock()
	defer recording.Unlock()
	step.want[s.daemon] = last
}

// stepWords is how many words steps take that take any.
var stepWords = map[string]int{
	"dead": 1, "alive": 1, "gone": 1, "back": 1, "reload": 1, "rewrite": 1, "down": 1, "up": 1, "write": 2, "remove": 1,
	"peer": 1, "own": 2,
}

// do carries out one step.
func (s *stage) do(verb string, args []string) {
	s.t.Helper()
	if len(args) != stepWords[verb] {
		s.t.Fatalf("step %s takes %d words: %q", verb, stepWords[verb], args)
	}
	switch verb {
	case "start":
		s.start()
	case "stop":
		s.stop()
	case "reload":
		s.rewrite(args[0])
		s.proc.Signal(syscall.SIGHUP)
	case "rewrite": // and nobody is told
		s.rewrite(args[0])
	case "dead":
		s.servers.stop(args[0])
	case "alive":
		s.servers.start(args[0])
	case "gone":
		s.world.DeleteAddress("eth0", withLength(args[0]))
	case "back":
		s.world.AddAddress("eth0", withLength(args[0]))
	case "down":
		s.lb.LinkDown(args[0])
		time.Sleep(every) // what was sent before is heard by then
		s.wire.silence(map[string]string{"eth0": "lan", "eth1": "wan"}[args[0]])
	case "up":
		s.lb.LinkUp(args[0])
	case "own": // an address that the administrator gives the director
		s.lb.AddAddress(args[0], args[1])
	case "write":
		s.put(args[0], args[1]+"\n")
	case "remove":
		if err := os.Remove(filepath.Join(s.lb.Dir(), args[0])); err != nil {
			s.t.Fatal(err)
		}
	case "peer":
		s.peer = s.world.Keepalived(s.c.files[args[0]])
	case "peerless":
		s.peer.Kill()
	case "freeze":
		s.peer.Signal(syscall.SIGSTOP)
	case "thaw":
		s.peer.Signal(syscall.SIGCONT)
	default:
		s.t.Fatalf("unknown step %q", verb)
	}
}

// conf is the name of the configuration file.
func (s *stage) conf() string {
	if s.c.original() == ldirectord {
		return ldirectordConf
	}
	return keepalivedConf
}

// start starts the daemon.
func (s *stage) start() {
	s.t.Helper()
	file := func(name string) string { return filepath.Join(s.lb.Dir(), name) }
	conf := file(s.conf())
	dirs := []string{"--runtime-dir", file("run"), "--state-dir", file("state")}
	flags := []string{
		"--dont-fork", "--log-console", "--log-detail", "--use-file", conf,
		"--pid", file("all.pid"), "--vrrp_pid", file("vrrp.pid"), "--checkers_pid", file("check.pid"),
	}
	if s.c.only != "" {
		flags = append(flags, s.c.only)
	}
	switch {
	case s.daemon == converted:
		s.convert()
		s.proc = s.lb.Start(lab.Binary(s.t), append([]string{"run", "-f", file(convertedConf)}, dirs...)...)
	case s.c.original() == ldirectord && s.daemon == ldirectord:
		s.proc = s.lb.Start("ldirectord", "-d", conf, "start")
	case s.c.original() == ldirectord:
		s.proc = s.lb.Start(lab.Binary(s.t), append([]string{"run", "-f", conf}, dirs...)...)
	case s.daemon == keepalived:
		s.proc = s.lb.Start("keepalived", flags...)
	default:
		s.proc = s.lb.Start(lab.Binary(s.t), append(append([]string{"keepalived"}, flags...), dirs...)...)
	}
}

// rewrite puts another file in the place of the configuration.
func (s *stage) rewrite(name string) {
	s.t.Helper()
	s.put(s.conf(), s.c.files[name])
	if s.daemon == converted {
		s.convert()
	}
}

// convert makes the file of vipd's own language, in the place of the last one.
func (s *stage) convert() {
	s.t.Helper()
	out := filepath.Join(s.lb.Dir(), convertedConf)
	if said, err := s.lb.Run(lab.Binary(s.t), "migrate", filepath.Join(s.lb.Dir(), s.conf()), "-o", out+".new"); err != nil {
		s.t.Fatalf("convert %s: %v\n%s", s.conf(), err, said)
	}
	if err := os.Rename(out+".new", out); err != nil {
		s.t.Fatal(err)
	}
}

// stop ends the daemon as a service manager would.
func (s *stage) stop() {
	s.t.Helper()
	s.proc.Signal(syscall.SIGTERM)
	lab.WaitFor(s.t, s.daemon+" ends", converge, func() error {
		if s.proc.Running() {
			return fmt.Errorf("it runs")
		}
		return nil
	})
}

// withLength adds the length of the segment's prefix.
func withLength(addr string) string {
	if strings.Contains(addr, ":") {
		return addr + "/64"
	}
	return addr + "/24"
}
