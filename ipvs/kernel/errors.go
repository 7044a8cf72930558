package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vipd/vipd/ipvs"
)

// ErrNoIPVS means that the running kernel has no IPVS.
var ErrNoIPVS = errors.New("kernel has no ip_vs: modprobe ip_vs")

// OpError is an operation that the kernel refused.
type OpError struct {
	Op  ipvs.Op
	Err error
}

// Error returns the operation and the reason.
func (e *OpError) Error() string { return e.Op.String() + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OpError) Unwrap() error { return e.Err }

// explain adds what an error number of the kernel means here. IPVS sends no
// text with its errors (net/netfilter/ipvs/ip_vs_ctl.c).
func explain(err error) error {
	for _, known := range []struct {
		errno unix.Errno
		hint  string
	}{
		{unix.EPERM, "needs CAP_NET_ADMIN"},
		{unix.EAFNOSUPPORT, "kernel or ip_vs without this address family"},
		{unix.EPROTONOSUPPORT, "kernel has no generic netlink"},
		{unix.ESRCH, "no such virtual service"},
		{unix.EINVAL, "the kernel does not accept these attributes, or not together"},
		{unix.ENOMEM, "kernel is out of memory"},
	} {
		if errors.Is(err, known.errno) {
			return fmt.Errorf("%s: %w", known.hint, err)
		}
	}
	return err
}

// noModule explains ENOENT in answer to adding or editing a service: the
// kernel looked for the scheduler or the persistence engine, tried to load
// its module and gave up (ip_vs_scheduler_get, ip_vs_pe_getbyname).
func noModule(s ipvs.Service, err error) error {
	if s.Engine != "" {
		return fmt.Errorf("kernel has no scheduler %q or no persistence engine %q: modprobe -a ip_vs_%s ip_vs_pe_%s: %w",
			s.Scheduler, s.Engine, s.Scheduler, s.Engine, err)
	}
	return fmt.Errorf("kernel has no scheduler %q: modprobe ip_vs_%s: %w", s.Scheduler, s.Scheduler, err)
}
