package keepalived

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A field chooses where the value of a keyword goes. Values are pointers so
// that "not written" can be told from zero.
type field[T any] func(*reader) **T

// value returns the argument of a keyword that needs one. keepalived does not run
// a file without it, a few keywords aside.
func (r *reader) value(s *statement, i int) (string, bool) {
	switch {
	case i < len(s.words):
		return s.words[i].text, true
	case slices.Contains(emptyWithout, s.name()):
		r.notef(s.where(0), "missing_value", "", "%s has no value; it is ignored", s.name())
	case slices.Contains(mayLack, s.name()):
		r.warnf(s.where(0), "missing_value", "", "%s needs a value; it is ignored", s.name())
	default:
		r.errorf(s.where(0), "missing_value", "", "%s needs a value", s.name())
	}
	return "", false
}

// emptyWithout are those for which it says nothing.
var emptyWithout = []string{"smtp_helo_name", "notify_deleted"}

// mayLack are the keywords whose missing value keepalived remarks on only.
var mayLack = strings.Fields(`
	router_id script_user lvs_sync_daemon notify_fifo virtualhost script checker_rt_priority vrrp_priority checker_priority
	lvs_id default_interface startup_script shutdown_script startup_script_timeout shutdown_script_timeout
	state_dump_file stats_dump_file json_dump_file json_version notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script
	lvs_notify_fifo lvs_notify_fifo_script vrrp_rt_priority vrrp_garp_extra_if vrrp_vmac_garp_intvl iproute_usr_dir
	iproute_etc_dir vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs process_monitor_rcv_bufs vrrp_rx_bufs_policy
	vrrp_rx_bufs_multiplier vrrp_delay_after_boot garp_extra_if vmac_garp_intvl kernel_rx_buf_size
	sorry_server_lvs_method net_namespace instance`)

// invalid reports a value that is ignored, as keepalived does.
func (r *reader) invalid(s *statement, i int, why string) {
	r.warnf(s.where(i), "bad_value", "", "%s %q %s; it is ignored", s.name(), s.arg(i), why)
}

// integer reads a whole number between bounds.
func integer(low, high int, to field[int]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if _, ok := r.value(s, 1); ok {
			if n, ok := r.number(s, 1, low, high); ok {
				*to(r) = &n
			}
		}
	}
}

func (r *reader) number(s *statement, i, low, high int) (int, bool) {
	n, err := strconv.ParseInt(s.arg(i), 0, 64)
	switch {
	case err != nil:
		r.invalid(s, i, "is not a number")
	case n < int64(low) || n > int64(high):
		r.invalid(s, i, "is not between "+strconv.Itoa(low)+" and "+strconv.Itoa(high))
	default:
		return int(n), true
	}
	return 0, false
}

// longest is the largest time that a keyword takes.
const longest = 1000 * 24 * time.Hour

// seconds reads a time in seconds, with a fraction perhaps.
func seconds(to field[time.Duration]) func(*reader, *statement) { return between(0, longest, to) }

// between reads a time in seconds with bounds.
func between(least, most time.Duration, to field[time.Duration]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if _, ok := r.value(s, 1); !ok {
			return
		}
		switch d, ok := r.seconds(s, 1); {
		case !ok:
		case d < least || d > most:
			r.invalid(s, 1, fmt.Sprintf("is not between %s and %s", least, most))
		default:
			*to(r) = &d
		}
	}
}

// atLeast reads a time in seconds that is raised to the least one.
func atLeast(least time.Duration, to field[time.Duration]) func(*reader, *statement) {
	read := seconds(to)
	return func(r *reader, s *statement) {
		read(r, s)
		if d := *to(r); d != nil && *d == 0 {
			r.warnf(s.where(1), "bad_value", "", "%s %s is too short: it is %s, as in keepalived", s.name(), s.arg(1), least)
			**to(r) = least
		}
	}
}

func (r *reader) seconds(s *statement, i int) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s.arg(i), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > longest.Seconds() {
		r.invalid(s, i, "is not a number of seconds")
		return 0, false
	}
	return time.Duration(math.Round(f*1e6)) * time.Microsecond, true
}

// whole remarks on a time with a fraction, which counts here.
func whole(read func(*reader, *statement)) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if d, err := strconv.ParseFloat(s.arg(1), 64); err == nil && d != math.Trunc(d) {
			r.warnf(s.where(1), "fraction", "", "%s %s: keepalived 2.2 takes whole seconds and would ignore it; here it counts", s.name(), s.arg(1))
		}
		read(r, s)
	}
}

// once remarks on words after the value.
func once(read func(*reader, *statement)) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if len(s.words) > 2 {
			r.warnf(s.where(2), "extra_value", "", "%s takes one value; %q is ignored", s.name(), s.arg(2))
		}
		read(r, s)
	}
}

// renamed remarks on the old name of a keyword.
func renamed(now string, read func(*reader, *statement)) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		r.warnf(s.where(0), "old_name", now, "%s is the old name of %s", s.name(), now)
		read(r, s)
	}
}

// notZero remarks on a 0 that counts as 1, here as in keepalived.
func notZero(read func(*reader, *statement)) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if s.arg(1) == "0" {
			r.warnf(s.where(1), "bad_value", "", "%s 0 is 1, as in keepalived", s.name())
		}
		read(r, s)
	}
}

var bools = map[string]bool{"on": true, "true": true, "yes": true, "off": false, "false": false, "no": false}

// toggle reads a switch; without a value it is on.
func toggle(to field[bool]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		on := true
		if len(s.words) > 1 {
			var ok bool
			if on, ok = bools[strings.ToLower(s.arg(1))]; !ok {
				r.invalid(s, 1, "is neither on nor off")
				return
			}
		}
		*to(r) = &on
	}
}

// on is a switch that is on whatever follows.
func on(to field[bool]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if len(s.words) > 1 {
			r.notef(s.where(1), "no_value", "leave it out to turn it off", "%s takes no value: as in keepalived, it is on", s.name())
		}
		on := true
		*to(r) = &on
	}
}

// toggleOff is the keyword that undoes a switch.
func toggleOff(to field[bool]) func(*reader, *statement) {
	return func(r *reader, _ *statement) {
		off := false
		*to(r) = &off
	}
}

// text reads a word.
func text(to field[string]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if v, ok := r.value(s, 1); ok {
			*to(r) = &v
		}
	}
}

// address reads an IP address.
func address(to field[netip.Addr]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		v, ok := r.value(s, 1)
		if !ok {
			return
		}
		a, err := netip.ParseAddr(v)
		if err != nil {
			r.invalid(s, 1, "is not an IP address")
			return
		}
		a = a.Unmap()
		*to(r) = &a
	}
}

// multicast reads the address of a group.
func multicast(to field[netip.Addr]) func(*reader, *statement) {
	read := address(to)
	return func(r *reader, s *statement) {
		before := *to(r)
		read(r, s)
		if a := *to(r); a != before && !a.IsMulticast() {
			r.invalid(s, 1, "is not a multicast address")
			*to(r) = before
		}
	}
}

// program is a command with the user that it runs as.
type program struct {
	command []string
	user    string
	at      place
}

// command reads a program: its words in quotes, then a user and a group.
func command(to field[program]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		v, ok := r.value(s, 1)
		if !ok {
			return
		}
		p := &program{at: s.where(1)}
		words, _ := split(v, false)
		for _, w := range words {
			p.command = append(p.command, w.text)
		}
		if len(p.command) == 0 {
			r.invalid(s, 1, "names no program")
			return
		}
		if len(s.words) > 2 {
			p.user = accountOf(s, 2)
			if strings.ContainsAny(p.user, "/.=") || strings.HasPrefix(p.user, "-") {
				r.warnf(s.where(2), "unquoted_command", "put the whole command into quotes",
					"keepalived takes %q for the user to run as; it is taken for an argument here", s.arg(2))
				p.command, p.user = append(p.command, s.args()[1:]...), ""
			}
		}
		*to(r) = p
	}
}

// or returns the value that is written, else the default.
func or[T any](v *T, def T) T {
	if v == nil {
		return def
	}
	return *v
}

// first returns the first value that is written.
func first[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}
