package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// sample is a run in which every goal is held, but what edit changes in the
// row of vipd under load.
func sample(edit func(*row)) []row {
	l := load{"tcp", manyServers, 10 * time.Second}
	seconds := l.window()
	vipd := row{load: l, daemon: "vipd", figures: figures{
		Checks: 20_000, CPU: seconds / 10, Host: seconds / 2, All: 90 << 10, Pause: 11 * time.Second, Late: 1500 * time.Microsecond,
	}}
	edit(&vipd)
	return []row{
		{load: load{kind: noChecks, interval: time.Second}, daemon: "vipd", figures: figures{Late: 800 * time.Microsecond}},
		{load: l, daemon: "keepalived", figures: figures{Checks: 20_000, CPU: seconds / 9}},
		vipd,
	}
}

func TestGoals(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*row)
		want string // part of the goals that are missed, in order
	}{
		"all held":           {func(*row) {}, ""},
		"dear":               {func(r *row) { r.CPU *= 2 }, "less processor time"},
		"fewer checks":       {func(r *row) { r.Checks /= 2 }, "less processor time"},
		"fat":                {func(r *row) { r.All = 101 << 10 }, "100 MB"},
		"late":               {func(r *row) { r.Pause = 21 * time.Second }, "one interval late"},
		"late on a full one": {func(r *row) { r.Pause, r.Host = 21*time.Second, r.load.window()*8/10 }, ""},
		"late adverts":       {func(r *row) { r.Late = 2 * time.Millisecond }, "punctual"},
		"adverts not known":  {func(r *row) { r.Late = -1 }, "punctual"},
		"not measured":       {func(r *row) { r.err = errors.New("no") }, "less processor time, 100 MB, one interval late, punctual"},
	} {
		var missing []string
		goals := judge(sample(c.edit))
		for _, g := range goals {
			if !g.held {
				missing = append(missing, g.name)
			}
		}
		parts := strings.Split(c.want, ", ")
		if c.want == "" {
			parts = nil
		}
		if len(missing) != len(parts) {
			t.Errorf("%s: missed %q, want %q", name, missing, parts)
			continue
		}
		for i, p := range parts {
			if !strings.Contains(missing[i], p) {
				t.Errorf("%s: missed %q, want %q", name, missing, parts)
			}
		}
		if got := missed(goals) != nil; got != (c.want != "") {
			t.Errorf("%s: an error is %v", name, got)
		}
	}
}

// A page shows each goal, and what could not be measured.
func TestPage(t *testing.T) {
	rows := sample(func(r *row) { r.err = errors.New("guest\nended") })
	page := render(rows, judge(rows), "abc")
	for _, want := range []string{"| tcp | 10000 | 10s | keepalived |", "not measured: guest ended", "| **no** |", "Taken at abc."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
}
