package twin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Fields of /proc/PID/stat behind the name, from the state on (proc_pid_stat(5),
// where they have two more).
const (
	statNice     = 16
	statRealTime = 37
	statPolicy   = 38
)

var (
	limitLine = regexp.MustCompile(`(?m)^Max realtime timeout +\S+ +(\S+)`) // the hard one
	cpusLine  = regexp.MustCompile(`(?m)^Cpus_allowed_list:\s+(\S+)`)
	lockLine  = regexp.MustCompile(`(?m)^VmLck:\s+0 kB`)
)

// processFacts are how the processes run that the daemon names in its pid files:
// name, priorities, processors, limits.
func (s *stage) processFacts() []string {
	if !s.c.processes {
		return nil
	}
	var out []string
	for _, role := range []string{"vrrp", "check"} {
		pid, err := os.ReadFile(filepath.Join(s.lb.Dir(), role+".pid"))
		if err != nil {
			continue // it does not run
		}
		if fact, err := processFact(filepath.Join("/proc", strings.TrimSpace(string(pid)))); err == nil {
			out = append(out, "process "+role+" "+fact)
		}
	}
	return out
}

// processFact describes a process by its folder of /proc.
func processFact(dir string) (string, error) {
	text := map[string]string{}
	for _, name := range []string{"comm", "stat", "status", "limits"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		text[name] = strings.TrimSpace(string(b))
	}
	_, behind, _ := strings.Cut(text["stat"], ") ")
	stat, limit, cpus := strings.Fields(behind), limitLine.FindStringSubmatch(text["limits"]), cpusLine.FindStringSubmatch(text["status"])
	if len(stat) <= statPolicy || limit == nil || cpus == nil {
		return "", fmt.Errorf("%s tells less than expected", dir)
	}
	memory := "locked"
	if lockLine.MatchString(text["status"]) {
		memory = "not locked"
	}
	priority := "nice " + stat[statNice]
	if stat[statPolicy] != "0" { // SCHED_OTHER; niceness is without effect elsewhere
		priority = fmt.Sprintf("policy %s priority %s for %s us", stat[statPolicy], stat[statRealTime], limit[1])
	}
	return fmt.Sprintf("name %s, %s, processors %s, memory %s", text["comm"], priority, cpus[1], memory), nil
}
