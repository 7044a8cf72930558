package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/vipd/vipd/healthcheck"
)

// failure is an error whose class and reason are known where it happens.
type failure struct {
	class  healthcheck.Class
	reason string
}

// Error returns the reason.
func (f *failure) Error() string { return f.reason }

func internal(err error) *failure { return &failure{healthcheck.ClassInternal, err.Error()} }

// ours are the errors of system calls that tell about this machine and not
// about the real server: limits, missing rights, no local address left.
var ours = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE,
	syscall.EPERM, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT,
}

// network are the errors of a path that does not lead to the real server, or
// ends suddenly. EACCES is what the kernel makes of ICMPv6 "administratively
// prohibited", with which firewalls reject (icmpv6_err_convert in
// net/ipv6/icmp.c), and of a route that prohibits.
var network = []syscall.Errno{
	syscall.EACCES, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
}

// classify tells what err means in the present phase. What happens after the
// time is up is a timeout, whatever a library makes of a connection that was
// closed under it: many keep the reason to themselves ("invalid connection").
// Errors of the kernel and those that are known where they happen stand for
// themselves.
func (a *attempt) classify(ctx context.Context, err error) *failure {
	var known *failure
	var errno syscall.Errno
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.Canceled):
		return internal(errors.New("probe was cancelled"))
	case errors.As(err, &errno):
		return a.classifyErrno(errno)
	case timedOut(err), overdue(ctx):
		return &failure{healthcheck.ClassTimeout, fmt.Sprintf("no %s within %s", a.phase.waiting, a.key.Settings.Timeout)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{a.phase.class, "connection closed by the server while waiting for the " + a.phase.waiting}
	}
	return &failure{a.phase.class, err.Error()}
}

// overdue reports whether the time of a probe is up. The clock counts as well:
// a socket's deadline, or a library's timer, may go off before that of ctx.
func overdue(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

func (a *attempt) classifyErrno(errno syscall.Errno) *failure {
	switch {
	case errno == syscall.ECONNREFUSED:
		return &failure{healthcheck.ClassRefused, errno.Error()}
	case errno == syscall.ETIMEDOUT:
		return &failure{healthcheck.ClassTimeout, errno.Error()}
	case slices.Contains(ours, errno):
		return internal(fmt.Errorf("wait for %s: %w", a.phase.waiting, errno))
	case slices.Contains(network, errno):
		return &failure{healthcheck.ClassNetwork, fmt.Sprintf("%s while waiting for the %s", networkText(errno), a.phase.waiting)}
	}
	return &failure{a.phase.class, errno.Error()}
}

// networkText says what a network did to us.
func networkText(errno syscall.Errno) string {
	if errno == syscall.EACCES { // "permission denied" sounds like ours
		return "prohibited by a firewall or a route"
	}
	return errno.Error()
}

// maxReason bounds a reason: servers have a say in it.
const maxReason = 200

// printable makes text that may contain what a server sent fit for one line
// of a log or a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) <= maxReason {
		return s
	}
	if runes := []rune(s); len(runes) > maxReason {
		return string(runes[:maxReason]) + "…"
	}
	return s
}
