package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/simulate"
)

// simulateFlags say what to simulate.
type simulateFlags struct {
	scenario, kill, svg string
	random              int
	seed                uint64
}

func simulateCommand(c *common) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate [FILE…]",
		Short: "Run the election of all directors in virtual time and tell who holds what when",
		Long: `Run the election of all directors in virtual time, with the code that runs in
production, and tell who holds which address when. The directors are those of the
director blocks, or else each file is one director.

Without a flag each director in turn loses power and comes back. --scenario runs
the commands of a file (docs/simulate.md), --random scripts of random faults.

Exit status: 0 all invariants held, 1 one was broken, 2 a file cannot be read.`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.simulate(cmd, &f, args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&c.files, "file", "f", nil, "configuration file, repeatable")
	flags.StringVar(&f.scenario, "scenario", "", "run the commands of this file")
	flags.StringVar(&f.kill, "kill", "", "let this director lose power and come back")
	flags.IntVar(&f.random, "random", 0, "run this many scripts of random faults")
	flags.Uint64Var(&f.seed, "seed", 1, "first seed of --random")
	flags.StringVar(&f.svg, "svg", "", "draw the time line into this file")
	cmd.MarkFlagsMutuallyExclusive("scenario", "kill", "random")
	c.jsonFlag(cmd)
	return cmd
}

func (c *common) simulate(cmd *cobra.Command, f *simulateFlags, args []string) error {
	options := conf.Options{Program: func(string) error { return nil }}
	directors, diags := simulate.Load(c.configFiles(args), options)
	diags.Write(os.Stderr)
	if code := diagnosticsExit(diags); code != 0 {
		return &exitError{code: code}
	}
	s := simulate.New(directors, options)
	if f.random > 0 {
		return c.simulateRandom(cmd, s, f)
	}
	report, err := f.run(s)
	if err != nil {
		return usage(err)
	}
	return c.showSimulation(cmd, f, report)
}

// run runs the one simulation that was asked for.
func (f *simulateFlags) run(s *simulate.Simulation) (*simulate.Report, error) {
	if f.scenario == "" {
		return s.Kill(f.kill)
	}
	data, err := os.ReadFile(f.scenario)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return s.Scenario(data)
}

// simulateRandom runs random scripts with a progress line on a terminal.
func (c *common) simulateRandom(cmd *cobra.Command, s *simulate.Simulation, f *simulateFlags) error {
	progress := progressLine(f.random)
	digest, failure, err := s.Random(f.random, f.seed, progress)
	if progress != nil {
		fmt.Fprint(os.Stderr, "\r\033[K")
	}
	switch {
	case err != nil:
		return usage(err)
	case failure == nil && c.json:
		return writeJSON(cmd.OutOrStdout(), allHold{f.random, f.seed, digest})
	case failure == nil:
		fmt.Fprintf(cmd.OutOrStdout(), "verdict: all invariants hold in %d random scripts, seeds %d to %d, digest %s\n",
			f.random, f.seed, f.seed+uint64(f.random)-1, digest)
		return nil
	case !c.json:
		fmt.Fprintf(cmd.OutOrStdout(), "seed %d breaks an invariant; the shortest script that does, for --scenario:\n\n%s\n", failure.Seed, failure.Script)
	}
	return c.showSimulation(cmd, f, failure.Report)
}

// allHold is the verdict about random scripts of which none broke anything.
type allHold struct {
	Scripts int    `json:"scripts"`
	First   uint64 `json:"first_seed"`
	Digest  string `json:"digest"`
}

// progressLine returns a function that draws a progress bar, nil when standard
// error is no terminal.
func progressLine(total int) func(int) {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done int) { progressBar(os.Stderr, done, total) }
}

// progressBar draws how much of the total is done, over what it drew before.
func progressBar(w io.Writer, done, total int) {
	const width = 40
	fmt.Fprintf(w, "\r[%-*s] %d of %d", width, strings.Repeat("#", width*done/total), done, total)
}

// showSimulation prints a report, draws it, and fails if something broke.
func (c *common) showSimulation(cmd *cobra.Command, f *simulateFlags, r *simulate.Report) error {
	if f.svg != "" {
		if err := drawSVG(f.svg, r); err != nil {
			return usage(err)
		}
	}
	if c.json {
		if err := writeJSON(cmd.OutOrStdout(), r); err != nil {
			return err
		}
	} else {
		r.Write(cmd.OutOrStdout())
	}
	if len(r.Broken) > 0 {
		return &exitError{code: exitProblem}
	}
	return nil
}

func drawSVG(path string, r *simulate.Report) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("draw time line: %w", err)
	}
	return errors.Join(r.WriteSVG(file), file.Close())
}
