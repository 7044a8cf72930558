package ipvs

import (
	"fmt"
	"slices"
	"strings"
)

// SchedulerFlags are the three bits of a service whose meaning is its
// scheduler's (IP_VS_SVC_F_SCHED1..3 in linux/ip_vs.h).
type SchedulerFlags uint32

// The bits.
const (
	SchedulerFlag1 SchedulerFlags = 0x08
	SchedulerFlag2 SchedulerFlags = 0x10
	SchedulerFlag3 SchedulerFlags = 0x20
)

// schedulerFlag is one word for a bit.
type schedulerFlag struct {
	word      string
	scheduler string // the only one that knows it, empty = any
	bit       SchedulerFlags
}

// schedulerFlags are ipvsadm's words: the first bit of sh and mh passes over
// servers without weight, the second looks at the port too (ip_vs_sh.c,
// ip_vs_mh.c).
var schedulerFlags = []schedulerFlag{
	{"sh-fallback", "sh", SchedulerFlag1}, {"sh-port", "sh", SchedulerFlag2},
	{"mh-fallback", "mh", SchedulerFlag1}, {"mh-port", "mh", SchedulerFlag2},
	{"flag-1", "", SchedulerFlag1}, {"flag-2", "", SchedulerFlag2}, {"flag-3", "", SchedulerFlag3},
}

// SchedulerFlagWords lists the words of all flags.
func SchedulerFlagWords() []string {
	var out []string
	for _, f := range schedulerFlags {
		out = append(out, f.word)
	}
	return out
}

// ParseSchedulerFlag returns the bit that a word means to a scheduler. It
// fails for words that the scheduler does not know.
func ParseSchedulerFlag(scheduler, word string) (SchedulerFlags, error) {
	i := slices.IndexFunc(schedulerFlags, func(f schedulerFlag) bool { return f.word == word })
	switch {
	case i < 0:
		return 0, fmt.Errorf("unknown scheduler flag %q", word)
	case schedulerFlags[i].scheduler != "" && schedulerFlags[i].scheduler != scheduler:
		return 0, fmt.Errorf("flag %q belongs to scheduler %q, not to %q", word, schedulerFlags[i].scheduler, scheduler)
	}
	return schedulerFlags[i].bit, nil
}

// String returns the neutral words, "flag-1,flag-2".
func (f SchedulerFlags) String() string {
	var words []string
	for _, s := range schedulerFlags {
		if s.scheduler == "" && f&s.bit != 0 {
			words = append(words, s.word)
		}
	}
	return strings.Join(words, ",")
}
