package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

// soakEnv is "DURATION" or "DURATION,SEED"; a guest inherits it.
const soakEnv = "VIPD_LAB_SOAK"

// plan is how long a soak takes and what it draws from.
type plan struct {
	during time.Duration
	seed   uint64
	reals  int
	pause  time.Duration // between two events, about
}

// short is part of every test run.
var short = plan{during: time.Second, seed: 1, reals: hosts, pause: 500 * time.Millisecond}

func planOf(text string) (plan, error) {
	if text == "" {
		return short, nil
	}
	duration, seed, _ := strings.Cut(text, ",")
	p := plan{seed: 1, reals: 200, pause: 4 * time.Second}
	var err error
	if p.during, err = time.ParseDuration(duration); err != nil {
		return p, err
	}
	if seed != "" {
		p.seed, err = strconv.ParseUint(seed, 10, 64)
	}
	return p, err
}

// TestSoak goes through a script of faults and changes, and back to normal:
// nothing is left over, and the client was served nearly all the time.
func TestSoak(t *testing.T) {
	p, err := planOf(os.Getenv(soakEnv))
	if err != nil {
		t.Fatal(err)
	}
	if p != short && !lab.Guest(t) {
		return
	}
	lab.Need(t, lab.Root)
	if p == short {
		soak(t, p)
		return
	}
	t.Run("Whole", func(t *testing.T) { soak(t, p) })
}

func soak(t *testing.T, p plan) {
	s := newStage(t, p.reals)
	for i := range s.vipds { // every process has had a predecessor
		s.upgrade(i)
	}
	s.settle()
	before := [2]inventory{s.look(0), s.look(1)}
	client := s.watch()
	s.script(p)
	s.settle()
	served := client()
	after := [2]inventory{}
	for i := range s.lbs {
		lab.WaitFor(t, "nothing is left over", patience, func() error {
			after[i] = s.look(i)
			return left(before[i], after[i])
		})
		t.Logf("%s: before %+v, after %+v", s.lbs[i].Name, before[i], after[i])
	}
	t.Logf("seed %d, %v: %s", p.seed, p.during, served)
	if served.ratio() < leastServed {
		t.Errorf("only %.2f %% of the requests were answered", 100*served.ratio())
	}
	if path := os.Getenv(pageEnv); path != "" && p != short {
		if err := os.WriteFile(path, []byte(s.render(p, served, before, after)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// leastServed allows for every fault of the script to cost its failover.
const leastServed = 0.5

// left compares what a director has with what it had. Threads come and go with
// the work that there was, up to a bound.
func left(before, after inventory) error {
	const fdSlack, threadSlack, goSlack = 6, 24, 12
	more := func(what string, was, is, slack int) error {
		if is > was+slack {
			return fmt.Errorf("%d %s, had %d", is, what, was)
		}
		return nil
	}
	for _, err := range []error{
		more("processes", before.Processes, after.Processes, 0),
		more("descriptors", before.Descriptors, after.Descriptors, fdSlack),
		more("threads", before.Threads, after.Threads, threadSlack),
		more("goroutines", before.Goroutines, after.Goroutines, goSlack),
		more("addresses", before.Addresses, after.Addresses, 0),
		more("files", before.Files, after.Files, 0),
		more("services", before.Services, after.Services, 0),
		more("destinations", before.Destinations, after.Destinations, 0),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// event is something that happens to director i.
type event struct {
	name string
	do   func(i int)
}

// script lets things happen until the time is over.
func (s *stage) script(p plan) {
	rng := rand.New(rand.NewPCG(p.seed, 9))
	events := []event{
		{"reload", s.reload}, {"upgrade", s.upgrade},
		{"kill router", func(i int) { s.kill(i, "router") }}, {"kill checker", func(i int) { s.kill(i, "checker") }},
		{"kill all", s.killAll}, {"freeze", s.freeze}, {"link flap", s.flap}, {"stop and start", s.restart},
	}
	if s.ipvs {
		events = append(events, event{"real server dies", func(int) { s.realServerDies(rng.IntN(len(s.webs))) }})
	}
	for end := time.Now().Add(p.during); time.Now().Before(end); {
		for _, n := range rng.Perm(len(events)) { // all of them, in another order each time
			i := rng.IntN(2)
			s.happened = append(s.happened, happening{time.Now(), i, events[n].name})
			s.t.Logf("%s %s", s.lbs[i].Name, events[n].name)
			events[n].do(i)
			time.Sleep(p.pause/2 + time.Duration(rng.Int64N(int64(p.pause))))
		}
	}
}

func (s *stage) reload(i int) {
	s.weight = 1 + s.weight%3
	for i := range s.vipds {
		s.vipds[i].Reload(s.config(i))
	}
}

func (s *stage) upgrade(i int) {
	// It may be frozen or gone by an event before: that is an answer too.
	out, err := s.lbs[i].Run(lab.Binary(s.t), "upgrade", "--runtime-dir", s.vipds[i].Runtime)
	if err != nil {
		s.t.Logf("upgrade: %v: %s", err, out)
	}
}

func (s *stage) kill(i int, role string) {
	var st api.Status
	if s.vipds[i].Status(&st) != nil {
		return
	}
	for _, r := range st.Roles {
		if r.Name == role && r.Running && r.PID > 0 {
			_ = syscall.Kill(r.PID, syscall.SIGKILL) // it may have ended
		}
	}
}

func (s *stage) killAll(i int) {
	s.vipds[i].Kill()
	s.start(i)
}

func (s *stage) restart(i int) {
	s.vipds[i].Signal(syscall.SIGTERM)
	if _, err := s.vipds[i].Wait(patience); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	s.start(i)
}

func (s *stage) freeze(i int) {
	tree := s.vipds[i].Tree()
	for _, pid := range tree {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // it may have ended
	}
	time.Sleep(time.Second)
	for _, pid := range tree {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

func (s *stage) flap(i int) {
	s.lbs[i].LinkDown("eth0")
	time.Sleep(300 * time.Millisecond)
	s.lbs[i].LinkUp("eth0")
}

func (s *stage) realServerDies(j int) {
	s.webs[j].Stop()
	time.Sleep(time.Second)
	s.webs[j].Start()
}
