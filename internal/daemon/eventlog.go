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

// eventLog gives every event a number, writes it to the log, keeps the last
// ones and passes them to followers.
type eventLog struct {
	mu        sync.Mutex
	log       *slog.Logger
	seq       uint64                // of the last event, the first is 1
	ring      [eventsKept]api.Event // event n is at n % eventsKept
	followers map[chan api.Event]bool
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
	l.write(e)
	l.ring[e.Seq%eventsKept] = e
	for ch := range l.followers {
		select {
		case ch <- e:
		default:
		}
	}
}

// write puts the event into the log: one line, keys in a stable order.
func (l *eventLog) write(e api.Event) {
	attrs := make([]slog.Attr, 0, len(e.Attrs)+1)
	attrs = append(attrs, slog.String("event", e.Kind))
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		attrs = append(attrs, slog.Any(k, e.Attrs[k]))
	}
	l.log.LogAttrs(context.Background(), levelOf(e.Level), e.Message, attrs...)
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
