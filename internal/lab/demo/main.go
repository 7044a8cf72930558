// Demo shows on real packets and a real kernel what vipd does, measures it and
// holds it to its claims: two directors, three real servers and a client.
//
// It is `make demo`. Where the kernel has no IPVS it boots a guest and runs
// itself there. It ends by itself and exits 0 only if every claim held.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vipd/vipd/internal/lab"
)

// limit is how long the whole may take.
const limit = 90 * time.Second

func main() {
	vipd := flag.String("vipd", "bin/vipd", "the daemon to show")
	flag.Parse()
	status, err := run(*vipd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		status = 1
	}
	os.Exit(status)
}

func run(vipd string) (int, error) {
	path, err := filepath.Abs(vipd)
	if err != nil {
		return 0, fmt.Errorf("find vipd: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return 0, fmt.Errorf("find vipd: %w", err)
	}
	if missing := lab.Root(); missing != "" {
		return 0, fmt.Errorf("needs %s", missing)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if os.Getenv(lab.GuestEnv) != "" || lab.HasIPVS() {
		if err := os.Setenv(lab.BinaryEnv, path); err != nil {
			return 0, err
		}
		return show(ctx)
	}
	return boot(ctx, path)
}

// boot runs this program in a guest.
func boot(ctx context.Context, vipd string) (int, error) {
	if missing := lab.GuestKernel(); missing != "" {
		return 0, fmt.Errorf("this kernel has no ip_vs, and a guest needs %s", missing)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	fmt.Println("This kernel has no ip_vs: booting a user-mode Linux guest that has it.")
	return lab.RunInGuest(ctx, lab.GuestCommand{Args: []string{self, "-vipd", vipd}, Output: os.Stdout})
}

// show plays the demo and prints its result.
func show(ctx context.Context) (int, error) {
	p := &program{out: os.Stdout, start: time.Now()}
	r := &report{}
	err := p.run(ctx, func() { play(newStage(p, r)) })
	r.print(os.Stdout)
	switch {
	case err != nil:
		return 0, err
	case p.Failed() || !r.held():
		return 1, nil
	}
	fmt.Print(hint)
	return 0, nil
}

const hint = `
To run the daemon for real: edit examples/lvs-dr.hcl, then
  bin/vipd check FILE && sudo bin/vipd run -f FILE      # the same FILE on both directors
  bin/vipd status                                       # on each of them
A systemd unit is in packaging/.
`
