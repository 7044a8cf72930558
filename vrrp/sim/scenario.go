package sim

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// Loader turns a configuration file into the named director's part in
// elections.
type Loader func(director string, data []byte) (Setup, error)

// DefaultConfig is the file that nodes read unless told otherwise.
const DefaultConfig = "vipd.hcl"

// Scenario is a parsed scenario file: a txtar archive whose comment holds
// commands, one a line, and whose files are node configurations and the golden
// trace.
//
//	node NAME [FILE]         a director and its configuration (vipd.hcl)
//	address NODE IFACE ADDR  its primary address
//	seed N                   of delays, losses and clocks
//	delay LEAST [MOST]       of packets, default 100us
//	drift PPM                bound of the clocks' error
//	at TIME COMMAND ...      see Commands
//
// Text after # is a comment.
type Scenario struct {
	Options Options
	Nodes   []Node
	Steps   []Step
	Files   map[string][]byte
	// Trace is the golden trace, empty if the file has none.
	Trace string
}

// Node is a director of a scenario.
type Node struct {
	Name      string
	File      string
	Addresses [][2]string // interface, primary address
}

// Step is one timed command. Line is where it stands, from 1.
type Step struct {
	At   time.Duration
	Name string
	Args []string
	Line int
}

// traceFile is the name of the golden trace inside a scenario file.
const traceFile = "trace"

// Parse reads a scenario file.
func Parse(data []byte) (*Scenario, error) {
	ar := txtar.Parse(data)
	s := &Scenario{Options: Options{Delay: 100 * time.Microsecond}, Files: make(map[string][]byte)}
	for _, f := range ar.Files {
		if f.Name == traceFile {
			s.Trace = string(f.Data)
			continue
		}
		s.Files[f.Name] = f.Data
	}
	lines := bufio.NewScanner(bytes.NewReader(ar.Comment))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if words := strings.Fields(text); len(words) > 0 {
			if err := s.parseLine(words, n); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return s, nil
}

// parseLine reads one line of the comment.
func (s *Scenario) parseLine(words []string, line int) error {
	setting, ok := settings[words[0]]
	if words[0] == "at" {
		return s.parseStep(words[1:], line)
	}
	if !ok {
		return fmt.Errorf("unknown word %q", words[0])
	}
	return setting(s, words[1:])
}

// parseStep reads the rest of an at line.
func (s *Scenario) parseStep(words []string, line int) error {
	if len(words) < 2 {
		return fmt.Errorf("at wants a time and a command")
	}
	at, err := time.ParseDuration(words[0])
	if err != nil {
		return fmt.Errorf("parse time: %w", err)
	}
	c, ok := Commands[words[1]]
	if !ok {
		return fmt.Errorf("unknown command %q", words[1])
	}
	args := words[2:]
	if len(args) < c.Least || c.Most >= 0 && len(args) > c.Most {
		return fmt.Errorf("usage: %s %s", words[1], c.Usage)
	}
	s.Steps = append(s.Steps, Step{At: at, Name: words[1], Args: args, Line: line})
	return nil
}

// String returns the settings and steps as lines of a scenario file.
func (s *Scenario) String() string {
	var b strings.Builder
	o := &s.Options
	for _, n := range s.Nodes {
		fmt.Fprintln(&b, "node", n.Name)
	}
	fmt.Fprintf(&b, "seed %d\ndelay %v %v\ndrift %d\n", o.Seed, o.Delay, o.Delay+o.Jitter, o.DriftPPM)
	for _, step := range s.Steps {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("at %v %s %s", step.At, step.Name, strings.Join(step.Args, " "))))
	}
	return b.String()
}

// Format returns the scenario file data with trace as its golden trace.
func Format(data []byte, trace string) []byte {
	ar := txtar.Parse(data)
	for i := range ar.Files {
		if ar.Files[i].Name == traceFile {
			ar.Files[i].Data = []byte(trace)
			return txtar.Format(ar)
		}
	}
	ar.Files = append(ar.Files, txtar.File{Name: traceFile, Data: []byte(trace)})
	return txtar.Format(ar)
}
