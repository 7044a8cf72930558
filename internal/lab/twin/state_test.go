package twin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	remaining   = regexp.MustCompile(`expires \d+sec`)
	ruleLine    = regexp.MustCompile(`^(\d+):\t(.*)$`)
)

// stale is how old what ip and ipvsadm said may be although the kernel has told
// of no change: starting programs is what costs most in the guest. What a test
// accepts in the end was asked for anew.
const stale = 3 * time.Second

// seen is what a program said about the director, and when it was asked.
type seen struct {
	facts []string
	at    time.Time
}

// again asks anew when there is a reason to, or the answer is old.
func (s *seen) again(reason bool, ask func() ([]string, error)) (err error) {
	if reason || time.Since(s.at) > stale {
		s.at = time.Now()
		s.facts, err = ask()
	}
	return err
}

// state returns what the daemon has made of its machine and what it has said
// since the last step, one line per fact, sorted. What was there before the
// daemon came is left out.
func (s *stage) state() ([]string, error) {
	text, err := s.ipvsText()
	if err != nil {
		return nil, err
	}
	doubted := s.doubted
	s.doubted = false
	if err := s.links.again(doubted || s.changed.Swap(false), s.linkFacts); err != nil {
		return nil, err
	}
	if err := s.table.again(doubted || text != s.text, s.tableFacts); err != nil {
		return nil, err
	}
	s.text = text
	out := slices.DeleteFunc(slices.Concat(s.links.facts, s.table.facts), func(l string) bool { return slices.Contains(s.before, l) })
	out = slices.Concat(out, s.wire.lines(), s.said(), s.mails(), s.processFacts())
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], s.lb.Dir(), dirWord)
	}
	slices.Sort(out)
	return out, nil
}

// watch notes when the kernel tells of a change of the director's addresses,
// links, routes or rules.
func (s *stage) watch() {
	s.t.Helper()
	conn, err := s.lb.Watch(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE |
		unix.RTMGRP_IPV6_ROUTE | unix.RTMGRP_IPV4_RULE | 1<<(unix.RTNLGRP_IPV6_RULE-1))
	if err != nil {
		s.t.Fatalf("watch %s: %v", s.lb.Name, err)
	}
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		for {
			_, err := conn.Receive()
			s.changed.Store(true)
			if err != nil && !errors.Is(err, unix.ENOBUFS) { // closed
				return
			}
		}
	}()
}

// ipvsText is the kernel's own view of the table, which shows most changes
// without a program.
func (s *stage) ipvsText() (text string, err error) {
	if !s.hasIPVS {
		return "", nil
	}
	err = s.lb.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/ip_vs")
		text = string(b)
		return err
	})
	return text, err
}

// linkFacts asks ip.
func (s *stage) linkFacts() ([]string, error) {
	var out []string
	for family, ask := range map[string]string{"-4": askIPv4, "-6": askIPv6} {
		lines, err := s.askIP(family, ask)
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

// tableFacts asks ipvsadm.
func (s *stage) tableFacts() ([]string, error) {
	if !s.hasIPVS {
		return nil, nil
	}
	text, err := s.ask("ipvsadm", "-Sn")
	var out []string
	for _, l := range splitLines(text) {
		out = append(out, "ipvs "+l)
	}
	return out, err
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
	return "route " + family + " " + remaining.ReplaceAllString(strings.ReplaceAll(line, "\\", ""), "expires")
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

// mails are those since the last step. Who sends them is not compared where
// ldirectord does: it says the name of the host, twins have one each.
func (s *stage) mails() []string {
	lines := s.mail.lines()
	if s.c.original() == keepalived {
		return lines
	}
	for i, l := range lines {
		_, rest, _ := strings.Cut(l, "rcpt ")
		lines[i] = "mail rcpt " + rest
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
