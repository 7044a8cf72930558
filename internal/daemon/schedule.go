package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vipd/vipd/conf"
)

// scheduleEvery is how often the file with the time of a reload is looked at.
const scheduleEvery = time.Second

// keepSchedule reloads at the time that a file names, while the configuration
// asks for that.
func (s *supervisor) keepSchedule(ctx context.Context) {
	var plan reloadPlan
	for {
		cfg := s.config().Global.Schedule
		wait := scheduleEvery
		if due, news, err := plan.look(cfg, time.Now()); err != nil {
			s.warn("reload", "scheduled reload: "+err.Error(), map[string]any{"file": cfg.File})
		} else if news && !due.IsZero() {
			s.info("reload", "a reload is scheduled", map[string]any{"file": cfg.File, "at": due.Format(time.RFC3339)})
		}
		if !plan.due.IsZero() {
			wait = min(wait, time.Until(plan.due))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if plan.due.IsZero() || time.Now().Before(plan.due) {
			continue
		}
		if err := plan.done(cfg); err != nil {
			s.warn("reload", "scheduled reload: "+err.Error(), map[string]any{"file": cfg.File})
		}
		s.info("reload", "the scheduled time has come", map[string]any{"file": cfg.File})
		s.reloadConfig(ctx, reloadRequest{})
	}
}

// reloadPlan is what the file with the time of a reload says.
type reloadPlan struct {
	file, line string
	stamp      time.Time // when the file was written
	due        time.Time // zero: nothing is due
}

// look reads the file again if it is another one than before. news tells whether
// due is; a time that cannot be understood, or that is over, schedules nothing.
func (p *reloadPlan) look(cfg conf.Schedule, now time.Time) (due time.Time, news bool, err error) {
	text, stamp, err := firstLine(cfg.File)
	if err != nil {
		text = err.Error() // said once
	}
	if cfg.File == p.file && text == p.line && stamp.Equal(p.stamp) {
		return p.due, false, nil
	}
	had := p.due
	*p = reloadPlan{file: cfg.File, line: text, stamp: stamp}
	if err != nil || text == "" {
		return p.due, !had.IsZero(), err
	}
	if p.due, err = parseSchedule(text, now); err != nil {
		return p.due, false, err
	}
	return p.due, true, nil
}

// done is called when the time has come. Without Repeat the file goes: it would
// name the same time of the next day.
func (p *reloadPlan) done(cfg conf.Schedule) error {
	p.due = time.Time{}
	if cfg.Repeat {
		p.stamp = time.Time{} // what it says is read again, for the next day
		return nil
	}
	if err := os.Remove(cfg.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// firstLine returns what a file says and when it was written, nothing if there is
// no file.
func firstLine(name string) (string, time.Time, error) {
	if name == "" {
		return "", time.Time{}, nil
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, err
	}
	text, err := conf.ReadFile(name)
	line, _, _ := strings.Cut(string(text), "\n")
	return line, info.ModTime(), err
}

// errSchedule is what a time looks like.
var errSchedule = errors.New("the first line is not HH:MM:SS or [YY]YY-MM-DD HH:MM:SS, with Z at its end for UTC")

// parseSchedule reads a time: of the day, then the next one after now, or with a
// date, then the zero time if it is over. It is local unless it ends in Z.
func parseSchedule(text string, now time.Time) (time.Time, error) {
	zone := now.Location()
	if short, utc := strings.CutSuffix(text, "Z"); utc {
		text, zone = short, time.UTC
	}
	if t, err := time.Parse(time.TimeOnly, text); err == nil && len(text) == len(time.TimeOnly) {
		year, month, day := now.In(zone).Date()
		at := func(day int) time.Time { return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, zone) }
		if at(day).After(now) {
			return at(day), nil
		}
		return at(day + 1), nil
	}
	for _, form := range []string{time.DateTime, "06-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil && len(text) == len(form) {
			if !t.After(now) {
				return time.Time{}, nil
			}
			return t, nil
		}
	}
	return time.Time{}, errSchedule
}
