package daemon

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
)

func TestEventLogLine(t *testing.T) {
	var buf bytes.Buffer
	l := newEventLog(newLogger(&buf, "info", "text"))
	l.add(api.Event{Level: "warn", Kind: "drop", Message: "rejected", Attrs: map[string]any{"vrid": 51, "alarm": true}})
	l.add(api.Event{Level: "debug", Kind: "drop", Message: "not shown"})
	l.flush(time.Minute)
	line := buf.String()
	if want := "level=WARN msg=rejected event=drop alarm=true vrid=51\n"; !strings.HasSuffix(line, want) || strings.Count(line, "\n") != 1 {
		t.Errorf("log is %q, want one line ending in %q", line, want)
	}
}

func TestEventLogKeepsTheLastAndNumbersThem(t *testing.T) {
	l := newEventLog(newLogger(io.Discard, "info", "text"))
	for range eventsKept + 10 {
		l.add(api.Event{Kind: "n"})
	}
	past, next, done := l.follow(eventsKept)
	defer done()
	if len(past) != 10 || past[0].Seq != eventsKept+1 {
		t.Fatalf("%d past events from %d, want 10 from %d", len(past), past[0].Seq, eventsKept+1)
	}
	l.add(api.Event{Kind: "new"})
	if e := <-next; e.Seq != eventsKept+11 || e.Kind != "new" {
		t.Errorf("followed event %+v", e)
	}
	if all, _, done := l.follow(0); len(all) != eventsKept {
		t.Errorf("kept %d events, want %d", len(all), eventsKept)
	} else {
		done()
	}
	if none, _, done := l.follow(math.MaxUint64); len(none) != 0 {
		t.Errorf("%d events come after the last number there is", len(none))
	} else {
		done()
	}
}

func TestSlowFollowerBlocksNobody(t *testing.T) {
	l := newEventLog(newLogger(io.Discard, "info", "text"))
	_, next, done := l.follow(0)
	defer done()
	for range 3 * eventsKept {
		l.add(api.Event{})
	}
	if n := len(next); n != eventsKept {
		t.Errorf("follower holds %d events, want its buffer of %d", n, eventsKept)
	}
}

// stalledLog takes nothing until it is released.
type stalledLog struct {
	released chan struct{}
	bytes.Buffer
}

func (s *stalledLog) Write(p []byte) (int, error) {
	<-s.released
	return s.Buffer.Write(p)
}

// TestStalledLogBlocksNobody: events are known and followed while the log takes
// none, and written when it does again; of very many the number is told.
func TestStalledLogBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := &stalledLog{released: make(chan struct{})}
		l := newEventLog(newLogger(stalled, "info", "text"))
		_, next, done := l.follow(0)
		defer done()
		l.add(api.Event{Kind: "first"})
		if e := <-next; e.Kind != "first" {
			t.Errorf("followed event %+v", e)
		}
		synctest.Wait() // until that one is being written
		for range logQueue + 7 {
			l.add(api.Event{Kind: "more"})
		}
		began := time.Now()
		if l.flush(logBound); time.Since(began) != logBound {
			t.Errorf("an end waits %v for a stalled log", time.Since(began))
		}
		close(stalled.released)
		l.flush(time.Minute)
		text := stalled.String()
		if n := strings.Count(text, "event=more"); n != logQueue || !strings.Contains(text, "lost=7") {
			t.Errorf("%d lines of %d, then %q", n, logQueue, text[max(0, len(text)-100):])
		}
	})
}
