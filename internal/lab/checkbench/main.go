// Command checkbench measures what health checks cost, vipd and keepalived side
// by side: both get the same targets, each in a guest of its own, one after the
// other. It writes docs/benchmarks-checks.md, and fails when a goal is missed;
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
	"path/filepath"
	"strings"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// cellBound is how long one cell may take.
const cellBound = 10 * time.Minute

// defaultCells are what the page shows: each load once, for both daemons. A
// thousand checks a second are most of what the guest can make, whoever makes
// them, two thousand by TCP all of it.
const defaultCells = "none:0:1s,tcp:100:1s,http:100:1s,tcp:2000:1s,tcp:2000:1500ms,http:2000:2s,http:2000:2500ms,tcp:10000:10s,http:10000:10s"

func main() {
	log.SetFlags(0)
	vipd := flag.String("vipd", "bin/vipd", "binary to measure")
	page := flag.String("page", "", "write the page to this file instead of standard output")
	commit := flag.String("commit", "", "what the page says was measured")
	loads := flag.String("loads", defaultCells, "what to measure: KIND:SERVERS:INTERVAL, ...")
	servers := flag.String("serve", "", "internal: serve targets of this kind")
	inside := flag.String("inside", "", "internal: measure this daemon, in the guest")
	flag.Parse()
	var err error
	switch {
	case *servers != "":
		err = serve(*servers)
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
	var failed error
	for _, l := range loads {
		daemons := []string{"keepalived", "vipd"}
		if l.kind == noChecks {
			daemons = daemons[1:]
		}
		for _, daemon := range daemons {
			f, err := boot(daemon, vipd, l)
			if err != nil {
				failed = fmt.Errorf("%s with %s: %w", daemon, l, err)
				log.Print(failed)
			}
			rows = append(rows, row{l, daemon, f, err})
			log.Print("done: ", daemon, " ", l)
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
