package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	checks "github.com/vipd/vipd/healthcheck/runner"
)

// inMaintenance is what log files say of a real server that is out of service
// whatever its checks find.
const inMaintenance = "Server in maintenance"

// logResult writes the line of a result to the file of its check. The file is
// opened for each line, so that it may be moved away.
func (c *checkerRole) logResult(u checks.Update) {
	f, err := os.OpenFile(u.Key.Timing.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(resultLine(u, os.Getpid(), c.maintenance.covers(u.Key.Target)))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		c.logTroubles.Do(func() { c.send("warn", "check", fmt.Sprintf("write log of results: %v", err), nil) })
	}
}

// toLine keeps a text in one line, and tells its own from what separates lines
// and fields.
var toLine = strings.NewReplacer("%", "%25", "|", "%7c", "\r", "%0d", "\n", "%0a")

// resultLine is a result in the form that ldirectord has.
func resultLine(u checks.Update, pid int, maintenance bool) string {
	state, text := "down", u.Last.Reason
	switch {
	case maintenance:
		text = inMaintenance
	case u.Last.OK():
		state = "up"
	}
	if text == "" {
		text = "-"
	}
	return fmt.Sprintf("[%s] [%d] %s %s %d [%s] %s\n", u.Last.At.Local().Format(time.ANSIC), pid,
		u.Key.Settings.Kind, u.Key.Target.Addr(), u.Key.Target.Port(), state, toLine.Replace(text))
}
