// Package notify tells programs, a named pipe and people about changes of
// state: in order, one at a time for each instance, bounded, and at a stop to
// the last one.
package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/program"
)

// State is the word for a state in arguments and lines, as keepalived has it.
type State string

// States.
const (
	Master  State = "MASTER"
	Backup  State = "BACKUP"
	Fault   State = "FAULT"
	Stop    State = "STOP"
	Deleted State = "DELETED"
	// Lower tells of a master that heard an advert that lost against its own;
	// it is still master.
	Lower State = "MASTER_RX_LOWER_PRI"
	// priorityWord is added to the word of a state when only the priority changed.
	priorityWord = "_PRIORITY"
)

// Kinds of what changes.
const (
	Instance = "INSTANCE"
	Group    = "GROUP"
)

// Change is one change of state.
type Change struct {
	Kind     string // Instance or Group
	Name     string
	State    State
	Priority uint8 // 0 for groups
	Reason   string
	At       time.Time
	// PriorityOnly is set when the state is what it was.
	PriorityOnly bool
	// Subject and Text are what a mail in keepalived's or ldirectord's style has;
	// empty leaves them to the state.
	Subject, Text string
	// Phase is the time in the daemon's life; empty = running.
	Phase conf.Phase
	// To and Server are instead of the mail block's; empty = as there. Title and
	// Comment are of what changed.
	To             []string
	Server         string
	Title, Comment string
}

// Line is the line that keepalived writes to its pipe.
func (c Change) Line() string {
	return fmt.Sprintf("%s %q %s %d\n", c.Kind, c.Name, c.word(), c.Priority)
}

// word is keepalived's word for the change.
func (c Change) word() string {
	if c.PriorityOnly {
		return string(c.State) + priorityWord
	}
	return string(c.State)
}

// Settings say how to deliver.
type Settings struct {
	Scripts conf.Scripts
	Pipes   []conf.Pipe
	Mail    *conf.Mail
	// Host names this director in mails.
	Host string
}

// maxWaiting bounds the changes of one instance that wait for their programs,
// and the lines that wait for a reader of the pipe.
const maxWaiting = 100

// Notifier delivers changes. Its methods never block, except Close.
type Notifier struct {
	report func(problem string)

	mu       sync.Mutex
	settings Settings
	queues   map[string]*queue // of programs, by kind and name
	pipes    []*namedPipe
	mail     *mailer
	closed   bool
	work     sync.WaitGroup
}

// job is a change with the programs to run for it.
type job struct {
	change   Change
	programs []conf.Program
}

// queue holds the jobs of one instance or group.
type queue struct {
	jobs []job
	lost int
}

// New returns a Notifier. report is told what could not be delivered.
func New(report func(problem string)) *Notifier {
	return &Notifier{report: report, queues: make(map[string]*queue), mail: newMailer(report)}
}

// Apply puts settings in force, also for what already waits.
func (n *Notifier) Apply(s Settings) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settings = s
	if !n.closed {
		n.applyPipes(s)
	}
}

// Tell delivers one change to all whom the configuration names.
func (n *Notifier) Tell(c Change, to conf.Notify) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.write(conf.PipeInstances, c.Line())
	if to.Mail && mailed(c, n.settings.Mail) {
		n.mail.add(c, n.settings)
	}
	if programs := programsFor(c, to); len(programs) > 0 {
		n.enqueue(job{c, programs})
	}
}

// mailed tells whether a change is one for mail. keepalived sends none at a stop.
func mailed(c Change, m *conf.Mail) bool {
	return m != nil && !c.PriorityOnly && c.State != Lower && !(m.NoFaults && c.State == Fault) &&
		!(single(m) && c.State == Stop)
}

// Line writes a line about a virtual or real server to the pipes.
func (n *Notifier) Line(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.write(conf.PipeServices, line)
	}
}

// Again writes the states of instances and groups once more, to the pipes that
// want them after a reload.
func (n *Notifier) Again(changes []Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pipes {
		for _, c := range changes {
			if p.set.OnReload && p.set.Only != conf.PipeServices && !n.closed {
				p.write(c.Line())
			}
		}
	}
}

// Mail tells of a change by mail only.
func (n *Notifier) Mail(c Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed && n.settings.Mail != nil {
		n.mail.add(c, n.settings)
	}
}

// programsFor returns what to run for a change, in order.
func programsFor(c Change, to conf.Notify) []conf.Program {
	var all []conf.Program
	own := map[State]conf.Program{
		Master: to.Master, Backup: to.Backup, Fault: to.Fault, Stop: to.Stop, Deleted: to.Deleted, Lower: to.LowerPriority,
	}[c.State]
	if c.PriorityOnly { // as in keepalived it is for pipes
		return nil
	}
	if len(own.Args) > 0 {
		all = append(all, own)
	}
	if any := to.Any; len(any.Args) > 0 {
		any.Args = append(slices.Clip(any.Args), c.Kind, c.Name, c.word(), strconv.Itoa(int(c.Priority)))
		all = append(all, any)
	}
	return all
}

// enqueue adds a job; when too many wait, the oldest goes and is reported.
// Call with the mutex held.
func (n *Notifier) enqueue(j job) {
	key := j.change.Kind + " " + j.change.Name
	q := n.queues[key]
	if q == nil {
		q = &queue{}
		n.queues[key] = q
		n.work.Go(func() { n.deliver(key, q) })
	}
	q.jobs = append(q.jobs, j)
	if len(q.jobs) > maxWaiting {
		q.jobs = q.jobs[1:]
		q.lost++
		n.report(fmt.Sprintf("%s %s: %d notifications dropped, its programs are too slow", j.change.Kind, j.change.Name, q.lost))
	}
}

// deliver runs the programs of one instance until nothing waits.
func (n *Notifier) deliver(key string, q *queue) {
	for {
		n.mu.Lock()
		if len(q.jobs) == 0 {
			delete(n.queues, key)
			n.mu.Unlock()
			return
		}
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		scripts := n.settings.Scripts
		n.mu.Unlock()
		for _, p := range j.programs {
			n.runProgram(j.change, p, scripts)
		}
	}
}

func (n *Notifier) runProgram(c Change, p conf.Program, s conf.Scripts) {
	r := program.Run(context.Background(), program.Command{Args: p.Args, Timeout: s.Timeout, User: cmp.Or(p.User, s.User), Env: []string{
		"VIPD_KIND=" + c.Kind, "VIPD_NAME=" + c.Name, "VIPD_STATE=" + string(c.State),
		"VIPD_PRIORITY=" + strconv.Itoa(int(c.Priority)), "VIPD_REASON=" + c.Reason,
	}})
	if r.Err != nil {
		n.report(fmt.Sprintf("%s %s %s: %s: %v: %s", c.Kind, c.Name, c.State, p.Args[0], r.Err, r.Output))
	}
}

// Close takes no more changes and waits until those there are have been
// delivered, at most for the bound.
func (n *Notifier) Close(bound time.Duration) {
	n.mu.Lock()
	n.closed = true
	pipes := n.pipes
	n.mu.Unlock()
	deadline := time.Now().Add(bound)
	done := make(chan struct{})
	go func() {
		n.work.Wait()
		for _, p := range pipes {
			p.shutDown(deadline)
		}
		n.mail.close(deadline)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(bound):
		n.report("notifications are not finished at the stop")
	}
}
