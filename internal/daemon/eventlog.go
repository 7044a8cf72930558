package daemon

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
)

// eventsKept is how many events the daemon remembers for GET /v1/events.
const eventsKept = 1000

const (
	// logQueue is how many events may wait for a log that does not take them.
	// When ten thousand real servers die at once there are three for each.
	logQueue = 1 << 16
	// logBound is how long an end waits for the log.
	logBound = time.Second
)

// eventLog gives every event a number, writes it to the log, keeps the last
// ones and passes them to followers. Nobody waits for the log: what it does not
// take stalls neither an election nor a stop.
type eventLog struct {
	mu        sync.Mutex
	log       *slog.Logger
	seq       uint64                // of the last event, the first is 1
	ring      [eventsKept]api.Event // event n is at n % eventsKept
	followers map[chan api.Event]bool
	unwritten []api.Event
	lost      int           // events that did not fit there
	written   chan struct{} // closed when all is; nil when nothing is being written
}

func newEventLog(log *slog.Logger) *eventLog {
	return &eventLog{log: log, followers: make(map[chan api.Event]bool)}
}

// setLogger changes where and how events are logged.
func (l *eventLog) setLogger(log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = log
}

// add records one event. A follower that does not keep up misses events: its
// sequence numbers show the hole.
func (l *eventLog) add(e api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	e.Seq = l.seq
	if e.At.IsZero() {
		e.At = time.Now()
	}
	l.enqueue(e)
	l.ring[e.Seq%eventsKept] = e
	for ch := range l.followers {
		select {
		case ch <- e:
		default:
		}
	}
}

// enqueue leaves an event to the goroutine that writes, which lives as long as
// there is something to write. Call with the mutex held.
func (l *eventLog) enqueue(e api.Event) {
	if len(l.unwritten) >= logQueue {
		l.lost++
		return
	}
	l.unwritten = append(l.unwritten, e)
	if l.written == nil {
		l.written = make(chan struct{})
		go l.writeAll()
	}
}

// writeAll writes until nothing waits.
func (l *eventLog) writeAll() {
	for {
		l.mu.Lock()
		events, lost, log := l.unwritten, l.lost, l.log
		l.unwritten, l.lost = nil, 0
		if len(events) == 0 {
			close(l.written)
			l.written = nil
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		for _, e := range events {
			write(log, e)
		}
		if lost > 0 {
			log.Warn("events were not logged: more came than the log took", "event", "daemon", "lost", lost)
		}
	}
}

// flush waits until all events are written, at most d.
func (l *eventLog) flush(d time.Duration) {
	l.mu.Lock()
	written := l.written
	l.mu.Unlock()
	if written == nil {
		return
	}
	select {
	case <-written:
	case <-time.After(d):
	}
}

// write puts the event into the log: one line, keys in a stable order.
func write(log *slog.Logger, e api.Event) {
	level := levelOf(e.Level)
	if !log.Enabled(context.Background(), level) {
		return
	}
	r := slog.NewRecord(e.At, level, e.Message, 0)
	r.AddAttrs(slog.String("event", e.Kind))
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		r.AddAttrs(slog.Any(k, e.Attrs[k]))
	}
	_ = log.Handler().Handle(context.Background(), r) // there is nobody to tell
}

// follow returns the events from after sequence number since, and a channel
// with those to come. Call the returned function when done.
func (l *eventLog) follow(since uint64) ([]api.Event, <-chan api.Event, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var past []api.Event
	for n := max(since, l.seq-min(l.seq, eventsKept)); n < l.seq; n++ {
		past = append(past, l.ring[(n+1)%eventsKept])
	}
	ch := make(chan api.Event, eventsKept)
	l.followers[ch] = true
	return past, ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.followers, ch)
	}
}

// levelOf reads a level as the configuration and events spell it.
func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// newLogger makes the daemon's logger in the configured form.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	opt := &slog.HandlerOptions{Level: levelOf(level)}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}
