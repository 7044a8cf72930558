package lab

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Changes follows what becomes of a host's interfaces, IPv4 addresses, routes
// and rules, as the kernel tells it and ip(8) puts it: a line each, with
// "Deleted " before what is gone.
type Changes struct {
	watcher *Proc
	taken   int // bytes of its log
	marks   int
}

// mark begins the addresses of which one after another marks how far the kernel's
// notices have been told.
const mark = "127.77."

// Changes begins to follow.
func (h *Host) Changes() *Changes {
	h.lab.tb.Helper()
	c := &Changes{watcher: h.Start("ip", "-4", "-o", "monitor", "link", "address", "route", "rule")}
	WaitFor(h.lab.tb, "ip monitor of "+h.Name+" follows", 10*time.Second, func() error {
		h.AddAddress("lo", mark+"0.0/32")
		h.DeleteAddress("lo", mark+"0.0/32")
		if c.watcher.Log() == "" {
			return errors.New("it does not")
		}
		return nil
	})
	c.Take()
	return c
}

// Take returns what has changed since it was last called.
func (c *Changes) Take() (lines []string) {
	h := c.watcher.Host
	h.lab.tb.Helper()
	c.marks++
	address := fmt.Sprintf("%s%d.%d", mark, c.marks/256, c.marks%256)
	h.AddAddress("lo", address+"/32")
	h.DeleteAddress("lo", address+"/32")
	var log string
	WaitFor(h.lab.tb, "ip monitor of "+h.Name+" has told everything", 10*time.Second, func() error {
		log = c.watcher.Log()
		_, last, found := strings.Cut(log, "Deleted local "+address+" ")
		if !found || !strings.HasSuffix(last, "\n") {
			return errors.New("it has not")
		}
		return nil
	})
	for line := range strings.Lines(log[c.taken:]) {
		if !strings.Contains(line, mark) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	c.taken = len(log)
	return lines
}
