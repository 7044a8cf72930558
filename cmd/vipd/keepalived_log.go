package main

import (
	"cmp"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// keepalivedLog says where the log goes: to syslog, unless that is unwanted, and
// to the console and a file as well.
type keepalivedLog struct {
	file, facility    string
	console, noSyslog bool
}

func (l *keepalivedLog) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVarP(&l.console, "log-console", "l", false, "log to the console, too")
	f.StringVarP(&l.facility, "log-facility", "S", "daemon", "facility of syslog: 0 to 7 or local0 to local7, user, daemon")
	f.BoolVarP(&l.noSyslog, "no-syslog", "G", false, "do not log to syslog")
	f.StringVarP(&l.file, "log-file", "g", "", "log to this file, too")
	f.Lookup("log-file").NoOptDefVal = "/tmp/keepalived.log"
	f.Bool("flush-log-file", false, "accepted: every line is written at once")
}

// facilities are those that may be chosen.
var facilities = map[string]syslog.Priority{
	"user": syslog.LOG_USER, "daemon": syslog.LOG_DAEMON,
	"local0": syslog.LOG_LOCAL0, "local1": syslog.LOG_LOCAL1, "local2": syslog.LOG_LOCAL2, "local3": syslog.LOG_LOCAL3,
	"local4": syslog.LOG_LOCAL4, "local5": syslog.LOG_LOCAL5, "local6": syslog.LOG_LOCAL6, "local7": syslog.LOG_LOCAL7,
}

// open returns where the log of the daemon called name goes. A machine without
// syslog gets it on the console.
func (l *keepalivedLog) open(name string) (io.Writer, func(), error) {
	var to []io.Writer
	var closers []io.Closer
	closeAll := func() {
		for _, c := range closers {
			c.Close()
		}
	}
	facility, known := facilities[l.facility]
	if !known {
		facility, known = facilities["local"+l.facility]
	}
	if !known {
		return nil, nil, fmt.Errorf("--log-facility %s is none of 0 to 7, local0 to local7, user, daemon", l.facility)
	}
	if l.file != "" {
		f, err := os.OpenFile(named(l.file, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("open log: %w", err)
		}
		to, closers = append(to, f), append(closers, f)
	}
	console := l.console
	if !l.noSyslog {
		tag := strings.TrimSuffix("Keepalived_"+name, "_")
		if w, err := syslog.New(facility|syslog.LOG_INFO, tag); err == nil {
			to, closers = append(to, w), append(closers, w)
		} else {
			console = console || l.file == ""
		}
	}
	if console {
		to = append(to, os.Stderr)
	}
	if len(to) == 1 {
		return to[0], closeAll, nil
	}
	return everywhere(to), closeAll, nil
}

// named puts the name of one daemon among several before the end of a file's
// name.
func named(file, name string) string {
	if name == "" {
		return file
	}
	ext := filepath.Ext(file)
	return strings.TrimSuffix(file, ext) + "_" + name + ext
}

// everywhere writes to all of them, whichever fails.
type everywhere []io.Writer

// Write implements io.Writer.
func (e everywhere) Write(p []byte) (int, error) {
	var failed error
	for _, w := range e {
		if _, err := w.Write(p); err != nil {
			failed = cmp.Or(failed, err)
		}
	}
	return len(p), failed
}
