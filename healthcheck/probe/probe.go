// Package probe carries out health checks: it puts one probe on the wire and
// says what came back. Each kind of check is one file with a function that
// prepares settings once and returns what runs for every target; the table
// kinds names them all.
package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// Options are what all probes of a Prober have in common.
type Options struct {
	// Roots verify certificates when settings ask for it; nil = the system's.
	Roots *x509.CertPool
}

// Prober runs probes and remembers what it compiled from their settings. It
// may be used by many goroutines.
type Prober struct {
	options Options
	mu      sync.Mutex
	checks  map[healthcheck.Settings]prepared
}

// prepared are settings that were compiled.
type prepared struct {
	run  check
	plan *plan // for a Loop; nil = not simple
}

// check runs prepared settings against a.target until ctx is done. It fills
// in the phases and returns what a person should read about a success.
type check func(ctx context.Context, a *attempt) (reason string, err error)

// kinds prepares settings that passed validation, by kind.
var kinds = map[healthcheck.Kind]func(healthcheck.Settings, Options) (check, error){
	healthcheck.KindTCP:        prepareTCP,
	healthcheck.KindHTTP:       prepareWeb,
	healthcheck.KindHTTPS:      prepareWeb,
	healthcheck.KindHTTPProxy:  prepareWeb,
	healthcheck.KindGRPC:       prepareGRPC,
	healthcheck.KindSMTP:       prepareSMTP,
	healthcheck.KindPOP3:       preparePOP3,
	healthcheck.KindIMAP:       prepareIMAP,
	healthcheck.KindFTP:        prepareFTP,
	healthcheck.KindNNTP:       prepareNNTP,
	healthcheck.KindDNS:        prepareDNS,
	healthcheck.KindLDAP:       prepareLDAP,
	healthcheck.KindMySQL:      prepareMySQL,
	healthcheck.KindPostgreSQL: preparePostgreSQL,
	healthcheck.KindOracle:     prepareOracle,
	healthcheck.KindRADIUS:     prepareRADIUS,
	healthcheck.KindSIP:        prepareSIP,
	healthcheck.KindRedis:      prepareRedis,
	healthcheck.KindUDP:        prepareUDP,
	healthcheck.KindPing:       preparePing,
	healthcheck.KindScript:     prepareScript,
	healthcheck.KindFile:       prepareFile,
	healthcheck.KindAgent:      prepareAgent,
	healthcheck.KindOn:         prepareOn,
	healthcheck.KindOff:        prepareOff,
}

// maxPrepared bounds the memory of settings: a configuration has far fewer,
// and after years of reloads the cache starts anew.
const maxPrepared = 4096

// New returns a Prober.
func New(o Options) *Prober {
	return &Prober{options: o, checks: map[healthcheck.Settings]prepared{}}
}

// shared serves Run.
var shared = New(Options{})

// Run probes once with the system's certificate roots; see Prober.Run.
func Run(ctx context.Context, k healthcheck.Key) healthcheck.Result { return shared.Run(ctx, k) }

// Run probes k once and returns within its timeout, or soon after ctx is
// done. It never fails: what went wrong on our side is a result of
// ClassInternal.
func (p *Prober) Run(ctx context.Context, k healthcheck.Key) healthcheck.Result {
	a := newAttempt(k)
	ctx, cancel := context.WithTimeout(ctx, k.Settings.Timeout)
	defer cancel()
	if why := unreachable(&k); why != nil {
		return a.finish(internal(why), time.Now())
	}
	c, err := p.prepare(k.Settings)
	if err != nil {
		return a.finish(internal(err), time.Now())
	}
	reason, err := c.run(ctx, a)
	if err != nil {
		return a.finish(a.classify(ctx, err), time.Now())
	}
	return a.finish(&failure{healthcheck.ClassOK, reason}, time.Now())
}

// unreachable tells why a target cannot be probed from anywhere, or from where
// settings say.
func unreachable(k *healthcheck.Key) error {
	source := k.Settings.Network.Source
	switch {
	case !k.Target.IsValid():
		return errors.New("probe has no target address")
	case source.IsValid() && source.Unmap().Is4() != k.Target.Addr().Unmap().Is4():
		return fmt.Errorf("source %s is of another family than %s", source, k.Target.Addr())
	}
	return nil
}

// prepare returns the check for settings, compiled at their first use.
func (p *Prober) prepare(s healthcheck.Settings) (prepared, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.checks[s]; c.run != nil {
		return c, nil
	}
	if problems := s.Validate(); len(problems) > 0 {
		return prepared{}, fmt.Errorf("prepare %s check: %s", s.Kind, problems[0].Summary)
	}
	run, err := kinds[s.Kind](s, p.options)
	if err != nil {
		return prepared{}, fmt.Errorf("prepare %s check: %w", s.Kind, err)
	}
	plan, err := simple(s, p.options)
	if err != nil {
		return prepared{}, fmt.Errorf("prepare %s check: %w", s.Kind, err)
	}
	c := prepared{run, plan}
	if len(p.checks) >= maxPrepared {
		clear(p.checks)
	}
	p.checks[s] = c
	return c, nil
}

// phase is a part of a probe: what it waits for, and what an error in it
// means when nothing else tells.
type phase struct {
	waiting string
	class   healthcheck.Class
}

var (
	phaseConnect  = phase{"connection", healthcheck.ClassNetwork}
	phaseTLS      = phase{"TLS handshake", healthcheck.ClassTLS}
	phaseAnswer   = phase{"answer", healthcheck.ClassProtocol}
	phaseBody     = phase{"end of the body", healthcheck.ClassProtocol}
	phaseEcho     = phase{"echo reply", healthcheck.ClassNetwork}
	phaseGreeting = phase{"greeting", healthcheck.ClassProtocol}
	phaseLogin    = phase{"login", healthcheck.ClassProtocol}
	phaseText     = phase{"expected text", healthcheck.ClassProtocol}
	phaseScript   = phase{"end of the script", healthcheck.ClassStatus}
)

// attempt is one probe under way.
type attempt struct {
	key    healthcheck.Key
	phase  phase
	result healthcheck.Result
}

func newAttempt(k healthcheck.Key) *attempt {
	return &attempt{key: k, phase: phaseConnect, result: healthcheck.Result{At: time.Now()}}
}

// enter begins a phase. The function it returns ends it and writes its length
// to took, which may be nil.
func (a *attempt) enter(p phase, took *time.Duration) (leave func()) {
	a.phase = p
	start := time.Now()
	return func() {
		if took != nil {
			*took = time.Since(start)
		}
	}
}

// finish completes the result of an attempt that has ended now.
func (a *attempt) finish(f *failure, now time.Time) healthcheck.Result {
	a.result.Class, a.result.Reason = f.class, printable(f.reason)
	a.result.Duration = now.Sub(a.result.At)
	return a.result
}
