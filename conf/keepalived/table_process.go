package keepalived

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxRunLimit bounds vrrp_rlimit_rttime, in microseconds.
const maxRunLimit = 3_600_000_000

// globalProcesses are the settings of keepalived's processes: its parent is the
// supervisor, its VRRP process the router, its checker the checker.
func globalProcesses() []*keyword {
	of := func(i int) func(*reader) *process { return func(r *reader) *process { return &r.global.processes[i] } }
	name := func(word string, i int) *keyword {
		return does(word, text(func(r *reader) **string { return &of(i)(r).name }))
	}
	out := many(
		does("process_names", on(global(func(g *globals) **bool { return &g.processNames }))),
		name("process_name", 0), name("vrrp_process_name", 1), name("checker_process_name", 2),
		does("checker_rt_priority", integer(1, 99, func(r *reader) **int { return &of(2)(r).realTime })),
		does("umask", readUmask),
		does("checker_no_swap", on(func(r *reader) **bool { return &of(2)(r).noSwap })),
	)
	for i, prefix := range []string{1: "vrrp", 2: "checker"} {
		if prefix == "" {
			continue
		}
		limit := func(r *reader, s *statement) {
			if n, ok := r.number(s, 1, 1, maxRunLimit); ok {
				d := time.Duration(n) * time.Microsecond
				of(i)(r).limit = &d
			}
		}
		out = append(out,
			does(prefix+"_rlimit_rttime", limit), does(prefix+"_rlimit_rtime", limit).note("old name of "+prefix+"_rlimit_rttime"),
			does(prefix+"_priority", integer(-20, 19, func(r *reader) **int { return &of(i)(r).nice })),
			does(prefix+"_cpu_affinity", func(r *reader, s *statement) { of(i)(r).cpus = r.processors(s) }))
	}
	return out
}

// processors reads a list of numbers of processors.
func (r *reader) processors(s *statement) []int {
	var out []int
	if len(s.words) == 1 {
		r.warnf(s.where(0), "missing_value", "numbers of processors, from 0 on", "%s names no processor", s.name())
	}
	for i := 1; i < len(s.words); i++ {
		n, err := strconv.Atoi(s.arg(i))
		if err != nil || n < 0 || n > 1023 {
			r.invalid(s, i, "is not the number of a processor")
			continue
		}
		out = append(out, n)
	}
	return out
}

// permissions are the words of umask (sys/stat.h, S_I…).
var permissions = map[string]uint32{
	"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100, "IRGRP": 0o040, "IWGRP": 0o020, "IXGRP": 0o010, "IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001,
	"IRWXU": 0o700, "IRWXG": 0o070, "IRWXO": 0o007,
}

// readUmask reads a number, or words with | between them.
func readUmask(r *reader, s *statement) {
	if _, ok := r.value(s, 1); !ok {
		return
	}
	mask, err := ParseUmask(strings.Join(s.args(), ""))
	if err != nil {
		r.invalid(s, 1, "is no umask")
		return
	}
	r.global.umask = &mask
}

// ParseUmask reads what keepalived takes for a umask: a number with the prefix
// of its base, or words such as IRGRP with | between them.
func ParseUmask(text string) (uint32, error) {
	if n, err := strconv.ParseUint(text, 0, 9); err == nil {
		return uint32(n), nil
	}
	var mask uint32
	for word := range strings.SplitSeq(text, "|") {
		bits, known := permissions[strings.TrimPrefix(strings.TrimSpace(word), "S_")]
		if !known {
			return 0, fmt.Errorf("%q is not a set of permissions", word)
		}
		mask |= bits
	}
	return mask, nil
}
