package keepalived

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A field chooses where the value of a keyword goes. Values are pointers so
// that "not written" can be told from zero.
type field[T any] func(*reader) **T

// value returns the argument of a keyword that needs one.
func (r *reader) value(s *statement, i int) (string, bool) {
	if i >= len(s.words) {
		r.errorf(s.where(0), "missing_value", "", "%s needs a value", s.name())
		return "", false
	}
	return s.words[i].text, true
}

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
func seconds(to field[time.Duration]) func(*reader, *statement) {
	return func(r *reader, s *statement) {
		if _, ok := r.value(s, 1); ok {
			if d, ok := r.seconds(s, 1); ok {
				*to(r) = &d
			}
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
			p.user = s.arg(2)
			if len(s.words) > 3 {
				p.user += ":" + strings.TrimPrefix(s.arg(3), ":")
			}
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
