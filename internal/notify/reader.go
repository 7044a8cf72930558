package notify

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/program"
)

// namedPipe is a pipe of the configuration, with the program that reads it.
type namedPipe struct {
	*pipe
	set  conf.Pipe
	user string
	end  context.CancelFunc
	done chan struct{} // closed when the reader is gone
}

// applyPipes opens and closes pipes so that those of the settings are there.
// One that stays keeps what waits in it. Call with the mutex held.
func (n *Notifier) applyPipes(s Settings) {
	var now []*namedPipe
	for _, set := range s.Pipes {
		user := cmp.Or(set.User, s.Scripts.User)
		i := slices.IndexFunc(n.pipes, func(p *namedPipe) bool { return p.user == user && reflect.DeepEqual(p.set, set) })
		if i >= 0 {
			now = append(now, n.pipes[i])
			n.pipes = slices.Delete(n.pipes, i, i+1)
		} else {
			now = append(now, n.openPipe(set, user))
		}
	}
	for _, gone := range n.pipes {
		gone.end()
		gone.setPath("")
	}
	n.pipes = now
}

func (n *Notifier) openPipe(set conf.Pipe, user string) *namedPipe {
	ctx, end := context.WithCancel(context.Background())
	p := &namedPipe{pipe: newPipe(n.report), set: set, user: user, end: end, done: make(chan struct{})}
	p.setPath(set.Path)
	if len(set.Reader) == 0 {
		close(p.done)
		return p
	}
	p.prepare()
	go p.keepReader(ctx, n.report)
	return p
}

const (
	// readerPause is how long a reader that ended waits for its next life.
	readerPause = time.Second
	// readerLife is longer than any reader lives.
	readerLife = 100 * 365 * 24 * time.Hour
)

// keepReader runs the program that reads the pipe until ctx ends.
func (p *namedPipe) keepReader(ctx context.Context, report func(string)) {
	defer close(p.done)
	args := append(slices.Clone(p.set.Reader), p.set.Path)
	for ctx.Err() == nil {
		r := program.Run(ctx, program.Command{Args: args, Timeout: readerLife, User: p.user})
		if ctx.Err() != nil {
			return
		}
		report(fmt.Sprintf("the reader of pipe %s ended: %s", p.set.Path, outcome(r)))
		select {
		case <-ctx.Done():
		case <-time.After(readerPause):
		}
	}
}

// outcome is how a run ended, for people.
func outcome(r program.Result) string {
	if r.Err == nil {
		return "exit status 0"
	}
	return fmt.Sprintf("%v: %s", r.Err, r.Output)
}

// shutDown writes what waits, until the deadline, then ends the reader.
func (p *namedPipe) shutDown(deadline time.Time) {
	p.close(deadline)
	p.end()
	select {
	case <-p.done:
	case <-time.After(time.Until(deadline)):
	}
}

// write writes a line to the pipes that are for its kind of change.
func (n *Notifier) write(kind conf.PipeKind, line string) {
	for _, p := range n.pipes {
		if p.set.Only == conf.PipeAll || p.set.Only == kind {
			p.write(line)
		}
	}
}
