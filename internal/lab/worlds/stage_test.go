package worlds

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

const (
	// patience is how much later than in the scenario something may become
	// true: a heal lease of 5 s does not shrink with the intervals.
	patience = 12 * time.Second
	// sides of a partition that there are bridges for.
	sides = 2
	// quickest is the shortest interval that scenarios are speeded up to.
	quickest = 100 * time.Millisecond
)

// stage is a scenario that runs for real.
type stage struct {
	t        *testing.T
	scenario *sim.Scenario
	net      *lab.Lab
	nodes    map[string]*node
	segments int
	faster   int // than the scenario by this factor
	shift    time.Duration
	began    time.Time
}

// node is a director: vipd, or keepalived in its place.
type node struct {
	*lab.Host
	stage      *stage
	file       string
	config     *conf.Config // as the scenario has it
	foreign    bool         // keepalived runs here
	vipd       *lab.Vipd
	keepalived *lab.Proc
}

// newStage builds the network of a scenario. The node named foreign, if any,
// is keepalived.
func newStage(t *testing.T, s *sim.Scenario, foreign string) *stage {
	st := &stage{t: t, scenario: s, net: lab.New(t), nodes: make(map[string]*node), faster: 1}
	for _, n := range s.Nodes {
		st.nodes[n.Name] = &node{stage: st, file: n.File, foreign: n.Name == foreign, config: st.load(n.Name, n.File)}
	}
	st.measure()
	for i := range st.segments {
		for side := range sides {
			st.net.Bridge(bridge(i, side), fmt.Sprintf("10.0.%d.0/24", i))
		}
	}
	for i, n := range s.Nodes {
		node := st.nodes[n.Name]
		node.Host = st.net.Host(n.Name, bridge(0, 0), address(n, 0, i+1))
		for seg := 1; seg < st.segments; seg++ {
			node.Attach(bridge(seg, 0), address(n, seg, i+1))
		}
	}
	return st
}

func bridge(segment, side int) string { return fmt.Sprintf("s%d-%d", segment, side) }

// address is a node's own on a segment, as in the virtual world.
func address(n sim.Node, segment, number int) string {
	for _, a := range n.Addresses {
		if a[0] == fmt.Sprintf("eth%d", segment) {
			return a[1] + "/24"
		}
	}
	return fmt.Sprintf("10.0.%d.%d/24", segment, number)
}

func (st *stage) options(file string) conf.Options {
	return conf.Options{
		Program: func(string) error { return nil },
		Read:    func(string) ([]byte, error) { return st.scenario.Files[file], nil },
	}
}

// load reads a configuration out of the scenario.
func (st *stage) load(director, file string) *conf.Config {
	st.t.Helper()
	o := st.options(file)
	if len(conf.DirectorNames([]string{file}, o)) > 0 {
		o.Director = director
	}
	c, diags := conf.Load([]string{file}, o)
	if diags.HasErrors() {
		st.t.Fatal(diags)
	}
	return c
}

// measure finds how many segments there are and how much faster the scenario
// can run: intervals of a second or more become a tenth of that, where that
// changes nothing but the speed.
func (st *stage) measure() {
	slow, interval := true, time.Duration(0)
	for _, n := range st.nodes {
		for i := range n.config.Routers {
			c := &n.config.Routers[i]
			if interval == 0 {
				interval = c.AdvertInterval
			}
			slow = slow && c.AdvertInterval == interval && interval >= time.Second && c.Lease != vrrp.LeaseStrict && c.Auth.Type == vrrp.AuthNone
			st.segments = max(st.segments, segment(c.ID.Interface))
			for _, p := range c.Held() {
				st.segments = max(st.segments, segment(c.CarrierOf(p)))
			}
			for _, t := range c.Tracks {
				if t.ID.Kind == vrrp.TrackInterface {
					st.segments = max(st.segments, segment(t.ID.Name))
				}
			}
		}
	}
	if slow {
		st.faster = int(time.Second / quickest)
	}
}

// segment returns how many segments there must be for an interface.
func segment(iface string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(iface, "eth"))
	if err != nil {
		return 0
	}
	return n + 1
}

// text is the configuration of all directors that a file is for, speeded up.
func (st *stage) text(file string) string {
	names := conf.DirectorNames([]string{file}, st.options(file))
	if len(names) == 0 {
		return string(conf.Write([]conf.Node{{Config: st.fast("", file)}}))
	}
	var nodes []conf.Node
	for _, name := range names {
		nodes = append(nodes, conf.Node{Name: name, Config: st.fast(name, file)})
	}
	return string(conf.Write(nodes))
}

// fast is a director's configuration, speeded up, with what it tracks in the
// hands of the stage.
func (st *stage) fast(director, file string) *conf.Config {
	c := st.load(director, file)
	for i := range c.Routers {
		r := &c.Routers[i]
		if st.faster > 1 {
			r.Version = 3
		}
		r.AdvertInterval /= time.Duration(st.faster)
		r.PreemptDelay /= time.Duration(st.faster)
	}
	for i := range c.Tracking.Scripts {
		s := &c.Tracking.Scripts[i]
		s.Command = []string{"/usr/bin/test", "!", "-e", st.mark(director, s.Name)}
		s.Interval, s.Timeout = quickest, time.Second
	}
	for i := range c.Tracking.Files {
		f := &c.Tracking.Files[i]
		f.Path = st.mark(director, f.Name)
	}
	return c
}

// mark is the path of the file that stands for the state of a tracked thing.
func (st *stage) mark(node, name string) string {
	return filepath.Join(st.net.Dir(), node+"."+name)
}

// run runs all steps at their times. A step that had to wait delays the others.
func (st *stage) run() {
	st.began = time.Now()
	steps := slices.Clone(st.scenario.Steps)
	slices.SortStableFunc(steps, func(a, b sim.Step) int { return int(a.At - b.At) })
	for _, step := range steps {
		due := step.At/time.Duration(st.faster) + st.shift
		time.Sleep(time.Until(st.began.Add(due)))
		st.step(step)
		if st.t.Failed() {
			st.t.Fatalf("line %d, at %v: %s %s", step.Line, step.At, step.Name, strings.Join(step.Args, " "))
		}
		st.shift += max(0, time.Since(st.began)-due)
	}
}

func (st *stage) step(s sim.Step) {
	switch s.Name {
	case "expect":
		st.expect(s.Args)
	case "exact", "end":
	case "partition":
		side := 0
		for _, word := range s.Args {
			if word == "|" {
				side++
				continue
			}
			st.nodes[word].move(side)
		}
	case "heal":
		for _, n := range st.nodes {
			n.move(0)
		}
	case "link", "reload", "standby", "active", "track":
		st.nodes[s.Args[0]].do(s.Name, s.Args[1:])
	case "start": // how long a process takes to begin is no part of the scenario
		for _, name := range s.Args {
			st.nodes[name].start()
			st.nodes[name].begun()
		}
	case "stop", "kill", "poweroff", "pause", "resume":
		for _, name := range s.Args {
			st.nodes[name].do(s.Name, nil)
		}
	default:
		st.t.Errorf("%s has no meaning for real", s.Name)
	}
}

// do carries out a command on one node.
func (n *node) do(command string, args []string) {
	switch command {
	case "stop":
		n.process().Signal(syscall.SIGTERM)
	case "kill":
		n.process().Kill()
	case "poweroff":
		n.process().Kill()
		n.lose()
	case "pause":
		n.signal(syscall.SIGSTOP)
	case "resume":
		n.signal(syscall.SIGCONT)
	case "link":
		if args[1] == "up" {
			n.LinkUp(args[0])
		} else {
			n.LinkDown(args[0])
		}
	case "reload":
		n.config = n.stage.load(n.Name, args[0])
		n.vipd.Reload(n.stage.text(args[0]))
	case "standby", "active":
		n.order(command, args)
	case "track":
		n.track(args)
	}
}

func (n *node) start() {
	if n.foreign {
		n.keepalived = n.Keepalived(keepalived(n.stage.fast(n.Name, n.file)))
		return
	}
	n.vipd = n.Vipd(n.stage.text(n.file))
}

// begun waits until the daemon runs its instances.
func (n *node) begun() {
	if n.foreign {
		n.keepalived.WaitLog("Entering ", patience)
		return
	}
	lab.WaitFor(n.stage.t, "vipd of "+n.Name+" has begun", patience, func() error {
		all, err := n.instances()
		if err == nil && len(all) < len(n.config.Routers) {
			err = fmt.Errorf("%d of %d instances", len(all), len(n.config.Routers))
		}
		return err
	})
}

func (n *node) process() *lab.Proc {
	if n.foreign {
		return n.keepalived
	}
	return n.vipd.Proc
}

// signal sends a signal to the daemon and all of its children.
func (n *node) signal(sig syscall.Signal) {
	for _, pid := range n.process().Tree() {
		if err := syscall.Kill(pid, sig); err != nil {
			n.stage.t.Errorf("signal %d: %v", pid, err)
		}
	}
}

// lose takes the virtual addresses away that a dead daemon has left, as a loss
// of power does.
func (n *node) lose() {
	for _, c := range n.config.Routers {
		for _, p := range c.Held() {
			if n.Holds(p.Addr()) {
				n.DeleteAddress(c.Carrier(), p.String())
			}
		}
	}
}

// move plugs all interfaces into the bridges of one side.
func (n *node) move(side int) {
	for seg := range n.stage.segments {
		n.stage.net.Move(n.Host, fmt.Sprintf("eth%d", seg), bridge(seg, side))
	}
}

// order gives an operator's order by the command line.
func (n *node) order(command string, args []string) {
	words := []string{command, args[0], "--runtime-dir", n.vipd.Runtime}
	if len(args) > 1 {
		words = append(words, "--force")
	}
	// Its exit status tells whether the order is in force by now; what the
	// scenario expects is looked at later.
	if out, err := n.Run(lab.Binary(n.stage.t), words...); err != nil {
		n.stage.t.Logf("%s: %v\n%s", command, err, out)
	}
}

// track changes what a tracked script or file says.
func (n *node) track(args []string) {
	path := n.stage.mark(n.Name, args[1])
	var err error
	switch {
	case args[0] == string(vrrp.TrackFile):
		err = os.WriteFile(path, []byte(args[2]+"\n"), 0o644)
	case args[2] == "down":
		err = os.WriteFile(path, nil, 0o644)
	default:
		err = os.Remove(path)
	}
	if err != nil {
		n.stage.t.Error(err)
	}
}

// expect waits until a fact is so.
func (st *stage) expect(args []string) {
	n := st.nodes[args[0]]
	lab.WaitFor(st.t, strings.Join(args, " "), patience, func() error {
		if args[1] == "holds" || args[1] == "lacks" {
			p := netip.MustParsePrefix(args[2])
			if n.Holds(p.Addr()) != (args[1] == "holds") {
				return fmt.Errorf("%s is not so", strings.Join(args, " "))
			}
			return nil
		}
		if n.foreign {
			return n.expectForeign(args[1], args[2:])
		}
		return n.expectRouter(args[1], args[2:])
	})
}

// instances are what vipd says of its routers.
func (n *node) instances() ([]vrrp.RouterStatus, error) {
	var st struct {
		Instances []vrrp.RouterStatus `json:"instances"`
	}
	body, err := n.vipd.Get("/v1/status")
	if err == nil {
		err = json.Unmarshal(body, &st)
	}
	return st.Instances, err
}

// expectRouter compares a fact of a router of vipd. In a world that is faster
// than the scenario the next transition may be over before anybody looks: its
// reason is remembered.
func (n *node) expectRouter(router string, args []string) error {
	all, err := n.instances()
	if err != nil {
		return err
	}
	for i := range all {
		s := &all[i]
		if s.Name != router {
			continue
		}
		if args[0] == "reason" && slices.ContainsFunc(s.Past, func(p vrrp.Past) bool { return string(p.Reason) == args[1] }) {
			return nil
		}
		return sim.Compare(s, args)
	}
	return fmt.Errorf("%s runs no router %q", n.Name, router)
}

// expectForeign looks at keepalived by what it holds; why, only vipd tells.
func (n *node) expectForeign(router string, args []string) error {
	if len(args) > 1 {
		return nil
	}
	for _, c := range n.config.Routers {
		for _, p := range c.Addresses {
			if c.Name == router && n.Holds(p.Addr()) != (args[0] == vrrp.StateMaster.String()) {
				return fmt.Errorf("keepalived on %s is not %s by %s", n.Name, args[0], p)
			}
		}
	}
	return nil
}
