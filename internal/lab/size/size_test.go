package main

import (
	"strings"
	"testing"
	"time"
)

// sample is a run in which every goal is held, but what edit changes.
func sample(edit func(s *step)) []step {
	var all []step
	for _, c := range []cell{
		{onHost, "vipd", 1000, 10000}, {inGuest, "vipd", 1000, 10000}, {inGuest, "keepalived", 1000, 10000},
	} {
		for _, name := range []string{startEmpty, reloadSame, reloadComment, reloadWeight, startKilled, stopAll} {
			s := step{cell: c, Name: name, CPU: 10 * time.Millisecond, Gap: 120 * time.Millisecond}
			switch {
			case c.Daemon == "keepalived":
				s.CPU, s.Late = time.Second, -1
			case name == reloadWeight:
				s.Writes = 1
			}
			edit(&s)
			all = append(all, s)
		}
	}
	return all
}

// missed names the goals that are not held.
func missed(all []step) string {
	var out []string
	for _, g := range judge(all) {
		if !g.held {
			out = append(out, g.name+": "+g.measured)
		}
	}
	return strings.Join(out, "\n")
}

func TestGoals(t *testing.T) {
	ours := func(place, name string, edit func(*step)) func(*step) {
		return func(s *step) {
			if s.Place == place && s.Daemon == "vipd" && s.Name == name {
				edit(s)
			}
		}
	}
	for want, edit := range map[string]func(*step){
		"":              func(*step) {},
		"writes = 0: 3": ours(inGuest, reloadComment, func(s *step) { s.Writes = 3 }),
		"writes = 1: –": ours(inGuest, reloadWeight, func(s *step) { s.Writes = -1 }),
		"no gap over two intervals in the guest: 20":                         ours(inGuest, reloadWeight, func(s *step) { s.Gap = 201 * time.Millisecond }),
		"no advert late on the machine: 1":                                   ours(onHost, reloadSame, func(s *step) { s.Late = 1 }),
		"keepalived's 1.00 s here: 0.06 s":                                   ours(inGuest, reloadSame, func(s *step) { s.CPU = 60 * time.Millisecond }),
		"another comment: CPU ≤ 1/20 of keepalived's 1.00 s here: 0.06 s":    ours(inGuest, reloadComment, func(s *step) { s.CPU = 60 * time.Millisecond }),
		"one weight changed: CPU ≤ 1/20 of keepalived's 1.00 s here: 0.06 s": ours(inGuest, reloadWeight, func(s *step) { s.CPU = 60 * time.Millisecond }),
		"of keepalived 2.4.3: 0.34 s": func(s *step) {
			if s.Daemon == "keepalived" {
				s.CPU = time.Minute
			}
			ours(inGuest, reloadSame, func(s *step) { s.CPU = 340 * time.Millisecond })(s)
		},
		"guest, stop: 3 addresses are held": ours(inGuest, stopAll, func(s *step) { s.Trouble = "3 addresses are held" }),
		"not measured":                      ours(inGuest, stopAll, func(s *step) { s.Cut = true }),
	} {
		got := missed(sample(edit))
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Count(got, "\n") > 0 {
			t.Errorf("missed %q, want %q", got, want)
		}
	}
}

// The operations of a packet are counted, whatever else is in it.
func TestCountWrites(t *testing.T) {
	const family = 0x1d
	message := func(size byte, kind, flags, command byte) []byte {
		m := make([]byte, (int(size)+3)&^3)
		m[0], m[4], m[6], m[16] = size, kind, flags, command
		return m
	}
	var packet []byte
	for _, m := range [][]byte{
		message(22, family, 1, 5), // a new destination
		message(20, family, 1, 4), // a question
		message(20, family, 0, 1), // an answer
		message(20, 0x10, 1, 1),   // somebody else's
		message(20, family, 5, 6),
	} {
		packet = append(packet, m...)
	}
	if n := countWrites(packet, family); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
	if n := countWrites(packet[:30], family); n != 1 {
		t.Errorf("%d writes of a packet that breaks off, want 1", n)
	}
}

// A page says what was cut off, and which goals were missed.
func TestRender(t *testing.T) {
	all := sample(func(s *step) {
		if s.Daemon == "keepalived" && s.Name == startKilled {
			s.Cut, s.Elapsed, s.Trouble = true, 10*time.Minute, "cut off"
		}
		if s.Place == inGuest && s.Name == reloadSame {
			s.Writes = 2
		}
	})
	text := render(all, judge(all), "v1")
	for _, want := range []string{
		"at v1:", "## 1000 services, 10000 real servers", "| > 600 s |", "| cut off |",
		"| 2 | **no** |", "| 1000 | 10000 | " + reloadWeight + " | 0.01 s | 120.0 ms | 0 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
