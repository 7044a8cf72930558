package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vipd/vipd/conf"
)

// lookUpBound is how long one name may take, and silenceBound how long all names
// of one load together may be waited for in vain; what is left is not asked for
// then. Without DNS a director starts late, but it starts.
const (
	lookUpBound  = 2 * time.Second
	silenceBound = 10 * time.Second
)

// errSilence is the answer for a name that is not asked for any more.
var errSilence = errors.New("name servers do not answer")

// resolver looks up host names and remembers the last answer: a name that
// cannot be looked up any more keeps it.
type resolver struct {
	ask func(ctx context.Context, host string) ([]netip.Addr, error)

	mu      sync.Mutex
	answers map[string][]netip.Addr
	fresh   map[string]bool // asked since the last refresh
	silence time.Duration   // waited in vain since then
}

func newResolver() *resolver {
	return &resolver{
		ask: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		answers: map[string][]netip.Addr{}, fresh: map[string]bool{},
	}
}

// refresh makes the next look-up of every name a new one.
func (r *resolver) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.fresh)
	r.silence = 0
}

// lookUp returns the addresses of a name, sorted.
func (r *resolver) lookUp(host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fresh[host] && r.answers[host] != nil {
		return slices.Clone(r.answers[host]), nil
	}
	r.fresh[host] = true
	addrs, err := r.askWithin(host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no address")
	}
	if err != nil && r.answers[host] == nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	if err == nil {
		for i := range addrs {
			addrs[i] = addrs[i].Unmap()
		}
		slices.SortFunc(addrs, netip.Addr.Compare)
		r.answers[host] = slices.Compact(addrs)
	}
	return slices.Clone(r.answers[host]), nil
}

// askWithin asks for one name, within the bounds. Call with the mutex held.
func (r *resolver) askWithin(host string) ([]netip.Addr, error) {
	if r.silence >= silenceBound {
		return nil, errSilence
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpBound)
	defer cancel()
	began := time.Now()
	addrs, err := r.ask(ctx, host)
	if ctx.Err() != nil {
		r.silence += time.Since(began)
	}
	return addrs, err
}

// changed looks all names up again and reports whether any answer is new.
func (r *resolver) changed(hosts []string) bool {
	r.mu.Lock()
	before := make(map[string][]netip.Addr, len(hosts))
	for _, h := range hosts {
		before[h] = r.answers[h]
	}
	r.mu.Unlock()
	r.refresh()
	news := false
	for _, h := range hosts {
		now, err := r.lookUp(h)
		news = news || err == nil && !slices.Equal(before[h], now)
	}
	return news
}

// keepNames looks the host names of real servers up again on their interval.
// A new answer is applied to the files as they were loaded: an edit that
// nobody asked to load stays out.
func (s *supervisor) keepNames(ctx context.Context) {
	for {
		pause := s.config().IPVS.ResolveInterval
		if pause <= 0 {
			pause = time.Minute // a reload may turn it on
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		cfg := s.config()
		if cfg.IPVS.ResolveInterval <= 0 || len(cfg.HostNames) == 0 || !s.names.changed(cfg.HostNames) {
			continue
		}
		s.info("names", "host names of real servers have new addresses", nil)
		s.reloadConfig(ctx, reloadRequest{replay: true})
	}
}

// keepRecording remembers what a configuration was made of, and what those were
// that may be returned to.
func (s *supervisor) keepRecording(cfg *conf.Config, files *recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := map[*conf.Config]*recording{s.cfg: s.recordings[s.cfg], cfg: files}
	if p := s.pending; p != nil {
		kept[p.before] = s.recordings[p.before]
	}
	s.recordings = kept
}

// recordingOf returns what a configuration was made of.
func (s *supervisor) recordingOf(cfg *conf.Config) *recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recordings[cfg]
}

// recording reads files and remembers them, or plays what it remembers.
type recording struct {
	texts   map[string][]byte
	globs   map[string][]string
	host    string // the name of the machine
	replays bool
	known   *conf.Known // what loads leave to each other; nil = nothing
}

func newRecording() *recording {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return &recording{texts: map[string][]byte{}, globs: map[string][]string{}, host: host}
}

// remembering makes loads from the recording, and from those that go on from it,
// take what did not change from the one before.
func (r *recording) remembering() *recording {
	r.known = &conf.Known{}
	return r
}

// replay returns a recording that reads no file.
func (r *recording) replay() *recording {
	return &recording{texts: r.texts, globs: r.globs, host: r.host, replays: true, known: r.known}
}

// next returns a new recording for a load that goes on from the one of r.
func (r *recording) next() *recording {
	n := newRecording()
	if r != nil {
		n.known = r.known
	}
	return n
}

// unchanged reports whether files and patterns are what they were.
func (r *recording) unchanged() bool {
	for name, before := range r.texts {
		if now, err := conf.ReadFile(name); err != nil || !bytes.Equal(before, now) {
			return false
		}
	}
	for pattern, before := range r.globs {
		if now, err := filepath.Glob(pattern); err != nil || !slices.Equal(before, now) {
			return false
		}
	}
	host, err := os.Hostname()
	return err == nil && host == r.host
}

func (r *recording) read(name string) ([]byte, error) {
	if r.replays {
		if text, ok := r.texts[name]; ok {
			return text, nil
		}
		return nil, os.ErrNotExist
	}
	text, err := conf.ReadFile(name)
	if err == nil {
		r.texts[name] = text
	}
	return text, err
}

func (r *recording) glob(pattern string) ([]string, error) {
	if r.replays {
		return r.globs[pattern], nil
	}
	names, err := filepath.Glob(pattern)
	if err == nil {
		r.globs[pattern] = names
	}
	return names, err
}
