// Command checkbench measures what health checks cost, vipd and keepalived side
// by side: both get the same targets in the same guest, one after the other.
// It prints a table for docs/benchmarks.md; nothing asserts its figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

func main() {
	log.SetFlags(0)
	vipd := flag.String("vipd", "bin/vipd", "binary to measure")
	servers := flag.String("serve", "", "internal: serve targets of this kind")
	inside := flag.Bool("inside", false, "internal: this is the guest")
	loads := flag.String("loads", "tcp:100:1s,http:100:1s,tcp:2000:5s,http:2000:5s", "what to measure")
	flag.Parse()
	var err error
	switch {
	case *servers != "":
		err = serve(*servers)
	case *inside:
		err = measureAll(*vipd, *loads)
	default:
		err = boot(*vipd, *loads)
	}
	if err != nil {
		log.Fatal("checkbench: ", err)
	}
}

// boot runs this program in a guest.
func boot(vipd, loads string) error {
	if missing := lab.GuestKernel(); missing != "" {
		return fmt.Errorf("no guest: %s", missing)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	status, err := lab.RunInGuest(ctx, lab.GuestCommand{Args: []string{self, "-inside", "-vipd", vipd, "-loads", loads}, Output: os.Stdout})
	if err == nil && status != 0 {
		err = fmt.Errorf("guest ended with status %d", status)
	}
	return err
}
