package probe

import (
	"time"

	"github.com/vipd/vipd/healthcheck"
)

// plan returns how a Loop probes k, nil when that is not simple: TLS, several
// exchanges on one connection, redirects, and addresses with a zone are left
// to Run.
func (p *Prober) plan(k *healthcheck.Key) *plan {
	if unreachable(k) != nil || k.Target.Addr().Zone() != "" || k.Settings.Network.Source.Zone() != "" {
		return nil
	}
	c, err := p.prepare(k.Settings)
	if err != nil {
		return nil // Run tells
	}
	return c.plan
}

// simple returns the plan for settings that passed validation.
func simple(s healthcheck.Settings, o Options) (*plan, error) {
	if s.TLS.Mode != healthcheck.TLSOff {
		return nil, nil
	}
	switch p := s.Params.(type) {
	case healthcheck.TCP:
		if p == (healthcheck.TCP{}) {
			return &plan{}, nil
		}
	case healthcheck.HTTP:
		if p.Version != healthcheck.HTTP2 && !p.KeepAlive && p.Redirects == 0 {
			w, err := newWeb(s, o)
			return &plan{web: w}, err
		}
	}
	return nil, nil
}

// ask prepares the request for the present path.
func (f *flight) ask(now time.Time) {
	w := f.plan.web
	f.phase, f.since = phaseAnswer, now
	f.out = w.bytes(w.first(&f.attempt, w.paths[f.path]))
	f.reply.begin(w.params.Method, w.judge.looks(), w.judge.status.Contains)
}

// hear takes a piece of the answer, its end, or why there is no more. over
// tells that the page was judged.
func (f *flight) hear(p []byte, failed error) (over bool, reason string, err error) {
	over, err = f.take(p, failed)
	paths := f.plan.web.paths
	if err != nil {
		return true, "", inPath(err, paths[f.path], len(paths))
	}
	if !over {
		return false, "", nil
	}
	return true, pages(len(paths), statusText(f.reply.status)), nil
}

func (f *flight) take(p []byte, failed error) (over bool, err error) {
	r, judge := &f.reply, f.plan.web.judge
	switch {
	case failed != nil:
		err = failed
	case len(p) == 0:
		err = r.end()
	default:
		err = r.feed(p)
	}
	if err != nil || r.part == inHeader {
		return false, err
	}
	f.phase = phaseBody
	if err := judge.code(r.status); err != nil {
		return false, err
	}
	if r.part != complete {
		return false, nil
	}
	if r.keep {
		err = judge.content(r.body)
	}
	return true, err
}
