// Size measures how vipd and keepalived handle IPVS tables of a given size in
// a guest with real IPVS: start from nothing, start on an existing table,
// reload, stop. Every cell gets a guest of its own.
//
// It is part of `make bench` and writes docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// limit is how long one cell may take: longer is a result too.
const limit = 10 * time.Minute

func main() {
	vipd := flag.String("vipd", "bin/vipd", "the daemon to measure")
	page := flag.String("page", "", "write the page to this file instead of standard output")
	cell := flag.String("cell", "", "measure one cell here, inside a guest: DAEMON:SERVICES:REALS")
	cells := flag.String("cells", "vipd:1000:10000,keepalived:1000:10000,vipd:2284:37298,keepalived:2284:37298", "what to measure")
	commit := flag.String("commit", "unknown", "what is measured, for the page")
	flag.Parse()
	var err error
	if *cell != "" {
		err = inside(*vipd, *cell)
	} else {
		err = outside(*vipd, *cells, *commit, *page)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// outside boots a guest for each cell and writes the page. A cell of vipd that
// does not come to its end is an error, too.
func outside(vipd, cells, commit, page string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if vipd, err = filepath.Abs(vipd); err != nil {
		return err
	}
	var all []result
	for cell := range strings.SplitSeq(cells, ",") {
		var out strings.Builder
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		_, err := lab.RunInGuest(ctx, lab.GuestCommand{Args: []string{self, "-vipd", vipd, "-cell", cell}, Output: &out})
		cancel()
		r := result{Cell: cell}
		for line := range strings.Lines(out.String()) {
			var step step
			if json.Unmarshal([]byte(line), &step) == nil && step.Name != "" {
				r.Steps = append(r.Steps, step)
			} else {
				fmt.Fprint(os.Stderr, cell, ": ", line)
			}
		}
		if err != nil {
			r.Cut = true
			fmt.Fprintln(os.Stderr, cell, "was cut off:", err)
		}
		all = append(all, r)
		fmt.Fprintln(os.Stderr, cell, "done:", len(r.Steps), "steps")
	}
	text := render(all, commit)
	if page == "" {
		fmt.Print(text)
	} else if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return err
	}
	for _, r := range all {
		if strings.HasPrefix(r.Cell, "vipd:") && len(r.Steps) < wholeCell {
			return fmt.Errorf("%s: %d steps of %d", r.Cell, len(r.Steps), wholeCell)
		}
	}
	return nil
}

// inside measures one cell and prints a line of JSON per step.
func inside(vipd, cell string) error {
	var services, reals int
	name, rest, _ := strings.Cut(cell, ":")
	if _, err := fmt.Sscanf(rest, "%d:%d", &services, &reals); err != nil {
		return fmt.Errorf("cell %q: %w", cell, err)
	}
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return err
	}
	d := daemons[name]
	if d == nil {
		return fmt.Errorf("unknown daemon %q", name)
	}
	if err := watchNetlink(); err != nil { // the page shows dashes
		fmt.Fprintln(os.Stderr, err)
	}
	m := &measurement{daemon: d(vipd, dir), services: services, reals: reals}
	return m.run(func(s step) { json.NewEncoder(os.Stdout).Encode(s) })
}
