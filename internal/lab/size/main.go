// Size measures how vipd and keepalived handle IPVS tables of a given size in
// a guest with real IPVS: start from nothing, reload, start on an existing
// table, stop. Both run in the same guest, one after the other, each in a
// network namespace of its own, with one virtual router that holds all virtual
// addresses and sends an advert every 100 ms meanwhile. What vipd's reloads do
// to the adverts is measured on the machine itself, too.
//
// It is part of `make bench` and writes docs/benchmarks.md. It fails when a
// goal is missed; the page is written all the same.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// options are the command line.
type options struct {
	vipd, daemons, sizes string
	limit                time.Duration
	inside               string // measure this cell here: see cell
}

func main() {
	var o options
	flag.StringVar(&o.vipd, "vipd", "bin/vipd", "the daemon to measure")
	flag.StringVar(&o.daemons, "daemons", "vipd,keepalived", "what to measure in the guest")
	flag.StringVar(&o.sizes, "sizes", "1000:10000,2284:37298", "SERVICES:REAL_SERVERS, ...")
	flag.DurationVar(&o.limit, "limit", 10*time.Minute, "how long one daemon may take with one size: longer is a result too")
	flag.StringVar(&o.inside, "inside", "", "internal: measure PLACE:DAEMON,...:SERVICES:REAL_SERVERS here")
	page := flag.String("page", "", "write the page to this file instead of standard output")
	commit := flag.String("commit", "unknown", "what is measured, for the page")
	flag.Parse()
	var err error
	if o.inside != "" {
		err = o.measureInside()
	} else {
		err = o.measureAll(*commit, *page)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// measureAll measures every size on the machine and in a guest, and writes the
// page.
func (o options) measureAll(commit, page string) error {
	if missing := lab.GuestKernel(); missing != "" {
		return fmt.Errorf("no guest: %s", missing)
	}
	var err error
	if o.vipd, err = filepath.Abs(o.vipd); err != nil {
		return err
	}
	var all []step
	var failed error
	for size := range strings.SplitSeq(o.sizes, ",") {
		for _, where := range []string{onHost + ":vipd:" + size, inGuest + ":" + o.daemons + ":" + size} {
			steps, err := o.measure(where)
			all, failed = append(all, steps...), errors.Join(failed, err)
		}
	}
	goals := judge(all)
	text := render(all, goals, commit)
	if page == "" {
		fmt.Print(text)
	} else if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return errors.Join(failed, err)
	}
	for _, g := range goals {
		if !g.held {
			failed = errors.Join(failed, fmt.Errorf("goal missed: %s: %s", g.name, g.measured))
		}
	}
	return failed
}

// measure runs this program for some cells, in a guest or here in a network
// namespace of its own, and collects what it reports.
func (o options) measure(where string) ([]step, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{self, "-vipd", o.vipd, "-limit", o.limit.String(), "-inside", where}
	place, daemons, _ := strings.Cut(where, ":")
	// Every daemon has its limit, boot and clean-up need some time, too.
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+strings.Count(daemons, ","))*o.limit+2*time.Minute)
	defer cancel()
	var out strings.Builder
	if place == inGuest {
		var status int
		if status, err = lab.RunInGuest(ctx, lab.GuestCommand{Args: args, Output: &out}); err == nil && status != 0 {
			err = fmt.Errorf("exit status %d", status)
		}
	} else {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		err = cmd.Run()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", where, err)
	}
	var steps []step
	for line := range strings.Lines(out.String()) {
		var s step
		if json.Unmarshal([]byte(line), &s) == nil && s.Name != "" {
			steps = append(steps, s)
			continue
		}
		fmt.Fprint(os.Stderr, where, ": ", line)
	}
	fmt.Fprintln(os.Stderr, where, "done:", len(steps), "steps")
	return steps, err
}
