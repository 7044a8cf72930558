package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
)

func TestParseSchedule(t *testing.T) {
	zone := time.FixedZone("there", 2*3600)
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, zone)
	for text, want := range map[string]string{
		"20:00:01": "2026-11-21T18:00:01Z", "20:00:00": "2026-11-22T18:00:00Z", "03:00:00": "2026-11-22T01:00:00Z", // the next day
		"20:00:00Z": "2026-11-21T20:00:00Z", "03:00:00Z": "2026-11-22T03:00:00Z",
		"2026-12-01 00:00:00": "2026-11-30T22:00:00Z", "26-12-01 00:00:00Z": "2026-12-01T00:00:00Z",
		"2026-11-21 19:59:59": "0001-01-01T00:00:00Z", "25-12-01 00:00:00": "0001-01-01T00:00:00Z", // over
		"": "", " 20:00:01": "", "20:00:01 ": "", "20:00": "", "2026-12-01  00:00:00": "", "24:00:00": "", "2026-02-30 00:00:00": "", "soon": "", "20:00:01.5": "",
	} {
		got, err := parseSchedule(text, now)
		if said := got.UTC().Format(time.RFC3339); (err != nil) != (want == "") || err == nil && said != want {
			t.Errorf("%q: %s, %v; want %q", text, said, err, want)
		}
	}
}

// TestReloadPlan: a file that comes, changes and goes; one that is done with.
func TestReloadPlan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "at")
	cfg := conf.Schedule{File: file}
	now := time.Now()
	var p reloadPlan
	look := func(wantDue bool, wantNews bool, wantErr bool) {
		t.Helper()
		due, news, err := p.look(cfg, now)
		if due.IsZero() == wantDue || news != wantNews || (err != nil) != wantErr {
			t.Errorf("due %v, news %t, %v", due, news, err)
		}
	}
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	tomorrow := now.Add(24 * time.Hour).Format(time.DateTime)
	look(false, false, false)
	write(tomorrow+"\nrest", 4*time.Hour)
	look(true, true, false)
	look(true, false, false)
	write("soon", 3*time.Hour)
	look(false, false, true)
	look(false, false, false) // said once
	write(tomorrow, 2*time.Hour)
	look(true, true, false)
	os.Remove(file)
	look(false, true, false)
	write(now.Add(time.Hour).Format(time.TimeOnly), time.Hour)
	look(true, true, false)

	cfg.Repeat = true
	if err := p.done(cfg); err != nil || !p.due.IsZero() {
		t.Errorf("%v, due %v", err, p.due)
	}
	look(true, true, false) // the next day
	cfg.Repeat = false
	if err := p.done(cfg); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is there still")
	}
	look(false, false, false)
	if err := p.done(cfg); err != nil {
		t.Errorf("a file that is gone: %v", err)
	}
}
