// Command checkbench measures what health checks cost, vipd and keepalived side
// by side: both get the same targets, each in a guest of its own, at the same
// time. It writes docs/benchmarks-checks.md, and fails when a goal is missed;
// the page is written all the same.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// cellBound is how long one cell may take.
const cellBound = 10 * time.Minute

// defaultCells are what the page shows: each load once, for both daemons. At
// 1 s thousands of servers are more than the guest can check, whoever does it:
// that tells what a check costs and what an overload does; the longer intervals
// tell what is kept up with.
const defaultCells = "none:0:1s,tcp:100:1s,http:100:1s,tcp:2000:1s,http:2000:1s,tcp:10000:1s,http:10000:1s," +
	"tcp:2000:1500ms,http:2000:2s,tcp:10000:10s,http:10000:10s"

func main() {
	log.SetFlags(0)
	vipd := flag.String("vipd", "bin/vipd", "binary to measure")
	page := flag.String("page", "", "write the page to this file instead of standard output")
	commit := flag.String("commit", "", "what the page says was measured")
	loads := flag.String("loads", defaultCells, "what to measure: KIND:SERVERS:INTERVAL, ...")
	servers := flag.String("serve", "", "internal: serve targets of this kind")
	cell := flag.String("cell", "", "internal: measure this daemon, in a guest")
	inside := flag.String("inside", "", "internal: measure this daemon, in the guest")
	flag.Parse()
	var err error
	switch {
	case *servers != "":
		err = serve(*servers)
	case *cell != "":
		err = measureCell(*cell, *vipd, *loads)
	case *inside != "":
		err = measureInside(*inside, *vipd, *loads)
	default:
		err = measureAll(*vipd, *loads, *page, *commit)
	}
	if err != nil {
		log.Fatal("checkbench: ", err)
	}
}

// measureAll boots a guest per load and daemon, and writes the page. A cell that
// fails is shown as such, and makes the whole fail at the end.
func measureAll(vipd, wanted, page, commit string) error {
	if missing := lab.GuestKernel(); missing != "" {
		return fmt.Errorf("no guest: %s", missing)
	}
	loads, err := parseLoads(wanted)
	if err != nil {
		return err
	}
	if vipd, err = filepath.Abs(vipd); err != nil {
		return err
	}
	var rows []row
	for _, l := range loads {
		rows = append(rows, measureLoad(vipd, l)...)
	}
	var failed error
	for _, r := range rows {
		if r.err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s with %s: %w", r.daemon, r.load, r.err))
		}
	}
	goals := judge(rows)
	text := render(rows, goals, commit)
	if page == "" {
		fmt.Print(text)
	} else if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return err
	}
	return errors.Join(failed, missed(goals))
}

// measureLoad measures both daemons under one load, at the same time, each in a
// guest that has a processor of its own: what else the machine does meanwhile is
// done to both.
func measureLoad(vipd string, l load) []row {
	rows := []row{{load: l, daemon: "keepalived"}, {load: l, daemon: "vipd"}}
	if l.kind == noChecks {
		rows = rows[1:]
	}
	var cells sync.WaitGroup
	for i := range rows {
		cells.Go(func() {
			r := &rows[i]
			r.figures, r.err = inProcess(r.daemon, vipd, l)
			log.Print("done: ", r.daemon, " ", l)
		})
	}
	cells.Wait()
	return rows
}

// inProcess measures one cell in a process of its own, whose descendants are the
// guest and nothing else.
func inProcess(daemon, vipd string, l load) (f figures, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.Command(self, "-cell", daemon, "-vipd", vipd, "-loads", l.String())
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

// measureCell is the main of that process.
func measureCell(daemon, vipd, wanted string) error {
	loads, err := parseLoads(wanted)
	if err != nil {
		return err
	}
	f, err := boot(daemon, vipd, loads[0])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// boot measures one cell in a guest.
func boot(daemon, vipd string, l load) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cellBound)
	defer cancel()
	var out hostTimer
	status, err := lab.RunInGuest(ctx, lab.GuestCommand{Args: []string{self, "-inside", daemon, "-vipd", vipd, "-loads", l.String()}, Output: &out})
	var f figures
	for line := range strings.Lines(out.text.String()) {
		if json.Unmarshal([]byte(line), &f) == nil {
			f.Host = out.used
			return f, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("guest ended with status %d: %s", status, strings.TrimSpace(out.text.String()))
	}
	return f, err
}
