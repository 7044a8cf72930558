// Package spawn is what every program that vipd starts gets: an environment, a
// process group and a user.
package spawn

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// searchPath is the PATH of a daemon that has none.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// forDaemon are variables that the service manager means for the daemon alone
// (systemd.exec(5)).
var forDaemon = []string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM"}

// Environment is what programs find in theirs: what the daemon has, which the
// service manager may have been told, and in any case a PATH.
func Environment() []string {
	out := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(forDaemon, name)
	})
	if os.Getenv("PATH") == "" {
		out = append(out, searchPath)
	}
	return out
}

// Attributes give a program a process group and a user, "USER" or "USER:GROUP",
// with all groups of the user.
func Attributes(name string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if name == "" {
		return attr, nil
	}
	name, group, _ := strings.Cut(name, ":")
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("look up user of program: %w", err)
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, fmt.Errorf("look up group of program: %w", err)
		}
		u.Gid = g.Gid
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up groups of %s: %w", name, err)
	}
	cred := &syscall.Credential{Uid: id(u.Uid), Gid: id(u.Gid)}
	for _, g := range groups {
		cred.Groups = append(cred.Groups, id(g))
	}
	attr.Credential = cred
	return attr, nil
}

// id reads a number of /etc/passwd; os/user has checked it.
func id(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}
