package twin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What ip(8) is asked, in one process per family.
const (
	askIPv4 = "address show\nlink show\nroute show table all\nrule show\n"
	askIPv6 = "address show\nroute show table all\nrule show\n"
)

var (
	addressLine = regexp.MustCompile(`^\d+: (\S+)\s+inet6? (.*?)\\\s+valid_lft (\S+)`)
	linkLine    = regexp.MustCompile(`^\d+: ([^:@]+)@([^:]+): <([^>]*)>.*\\\s+link/ether (\S+)`)
	linkKind    = regexp.MustCompile(` (macvlan mode \S+|ipvlan\s+mode \S+( \S+)?|vrf table \d+)`)
	ruleLine    = regexp.MustCompile(`^(\d+):\t(.*)$`)
)

// state returns what the daemon has made of its machine and what it has said
// since the last step, one line per fact, sorted. What was there before the
// daemon came is left out.
func (s *stage) state() ([]string, error) {
	var out []string
	for family, ask := range map[string]string{"-4": askIPv4, "-6": askIPv6} {
		lines, err := s.askIP(family, ask)
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	if s.hasIPVS {
		text, err := s.ask("ipvsadm", "-Sn")
		if err != nil {
			return nil, err
		}
		for _, l := range splitLines(text) {
			out = append(out, "ipvs "+l)
		}
	}
	out = slices.DeleteFunc(out, func(l string) bool { return slices.Contains(s.before, l) })
	out = append(append(append(out, s.wire.lines()...), s.said()...), s.mail.lines()...)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], s.lb.Dir(), dirWord)
	}
	slices.Sort(out)
	return out, nil
}

// ask runs a program on the director and returns what it prints.
func (s *stage) ask(name string, args ...string) (text string, err error) {
	err = s.lb.Do(func() error {
		out, err := exec.Command(name, args...).CombinedOutput()
		if text = string(out); err != nil {
			return fmt.Errorf("run %s: %w: %s", name, err, out)
		}
		return nil
	})
	return text, err
}

// askIP runs a list of ip's commands.
func (s *stage) askIP(family, commands string) ([]string, error) {
	text, err := s.ask("ip", family, "-o", "-d", "-batch", s.lb.WriteFile("ask"+family, commands))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range splitLines(text) {
		if fact := kernelFact(family, l); fact != "" {
			out = append(out, fact)
		}
	}
	return out, nil
}

// kernelFact makes a fact of a line of ip's, or "" when the kernel made it by
// itself.
func kernelFact(family, line string) string {
	if m := addressLine.FindStringSubmatch(line); m != nil {
		lifetime := ""
		if m[3] != "forever" {
			lifetime = " leased"
		}
		return "address " + m[1] + " " + strings.TrimSpace(m[2]) + lifetime
	}
	if m := linkLine.FindStringSubmatch(line); m != nil {
		kind := linkKind.FindStringSubmatch(line)
		if kind == nil {
			return ""
		}
		up := "down"
		if slices.Contains(strings.Split(m[3], ","), "UP") {
			up = "up"
		}
		return fmt.Sprintf("link %s on %s %s %s %s", m[1], m[2], kind[1], m[4], up)
	}
	if m := ruleLine.FindStringSubmatch(line); m != nil {
		return "rule " + family + " " + m[1] + " " + m[2]
	}
	if strings.Contains(line, "table local") || strings.Contains(line, "proto kernel") || regexp.MustCompile(`^\d+: `).MatchString(line) {
		return ""
	}
	return "route " + family + " " + strings.ReplaceAll(line, "\\", "")
}

// said returns what programs and pipes were told since the last step.
func (s *stage) said() []string {
	var out []string
	for _, name := range []string{notesFile, pipeFile} {
		text, err := os.ReadFile(filepath.Join(s.lb.Dir(), name))
		if err != nil {
			continue
		}
		lines := splitLines(string(text))
		for _, l := range lines[min(len(lines), s.heard[name]):] {
			out = append(out, strings.TrimSuffix(name, ".txt")+" "+l)
		}
	}
	return out
}

// forget makes what was said so far part of the past.
func (s *stage) forget() {
	for _, name := range []string{notesFile, pipeFile} {
		if text, err := os.ReadFile(filepath.Join(s.lb.Dir(), name)); err == nil {
			s.heard[name] = len(splitLines(string(text)))
		}
	}
	s.wire.forget()
	s.mail.forget()
}
