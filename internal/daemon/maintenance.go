package daemon

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maintenance follows a directory in which a file takes a real server out of
// service. Its name is "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", or a
// host name with or without a port, as ldirectord's maintenancedir has it.
type maintenance struct {
	send    func(level, kind, message string, attrs map[string]any)
	changed func()
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)

	polling sync.Mutex                  // one look at a time: an older one must not end last
	known   map[string][]netip.AddrPort // what the files mean, of those that could be resolved
	again   time.Time                   // for the others; zero = there is none

	mu      sync.Mutex
	dir     string
	out     map[netip.AddrPort]bool // port 0 = every port
	names   map[string]bool         // files that were there
	failing string                  // why the directory cannot be read
}

// How often the directory is read, how long a name may take to resolve, and when
// that is tried again.
const (
	maintenancePoll = time.Second
	lookupBound     = 2 * time.Second
	lookupAgain     = 30 * time.Second
)

func newMaintenance(send func(level, kind, message string, attrs map[string]any), changed func()) *maintenance {
	return &maintenance{send: send, changed: changed, lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
}

// watch follows dir from now on; empty = none. What is in it counts at once.
func (m *maintenance) watch(dir string) {
	m.mu.Lock()
	moved := m.dir != dir
	m.dir = dir
	m.mu.Unlock()
	if moved {
		m.poll(context.Background())
	}
}

// run reads the directory again and again.
func (m *maintenance) run(ctx context.Context) {
	tick := time.NewTicker(maintenancePoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.poll(ctx)
		}
	}
}

// covers reports whether a real server is out of service.
func (m *maintenance) covers(real netip.AddrPort) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out[real] || m.out[netip.AddrPortFrom(real.Addr(), 0)]
}

// poll reads the directory. One that cannot be read leaves everything as it
// is: a file system that went away must not put broken servers into service.
func (m *maintenance) poll(ctx context.Context) {
	m.polling.Lock()
	defer m.polling.Unlock()
	m.mu.Lock()
	dir, before := m.dir, m.names
	m.mu.Unlock()
	names := map[string]bool{}
	if dir != "" {
		entries, err := os.ReadDir(dir)
		if err != nil {
			m.fail(err.Error())
			return
		}
		for _, e := range entries {
			names[e.Name()] = true
		}
	}
	m.fail("")
	if maps.Equal(names, before) && (m.again.IsZero() || time.Now().Before(m.again)) {
		return
	}
	out := m.means(ctx, names, before)
	m.mu.Lock()
	m.names, m.out = names, out
	m.mu.Unlock()
	m.tell(before, names)
	m.changed()
}

// means returns what is out of service. What a name once meant it means as long as
// its file is there: a name server that fails must not put a broken real server
// into service. Call with the polling mutex held.
func (m *maintenance) means(ctx context.Context, names, before map[string]bool) map[netip.AddrPort]bool {
	known, out := map[string][]netip.AddrPort{}, map[netip.AddrPort]bool{}
	m.again = time.Time{}
	for name := range names {
		all, ok := m.known[name]
		if !ok {
			var err error
			if all, err = m.resolve(ctx, name); err != nil {
				m.again = time.Now().Add(lookupAgain)
				if !before[name] {
					m.send("warn", "maintenance", "file "+name+" names no real server: "+err.Error(), map[string]any{"file": name})
				}
				continue
			}
		}
		known[name] = all
		for _, a := range all {
			out[a] = true
		}
	}
	m.known = known
	return out
}

// fail reports a directory that cannot be read, once.
func (m *maintenance) fail(why string) {
	m.mu.Lock()
	news := why != m.failing && why != ""
	m.failing = why
	m.mu.Unlock()
	if news {
		m.send("warn", "maintenance", "read maintenance directory: "+why, nil)
	}
}

// tell reports what came and went.
func (m *maintenance) tell(before, after map[string]bool) {
	for name := range after {
		if !before[name] {
			m.send("warn", "maintenance", name+" is taken out of service by a file", map[string]any{"file": name})
		}
	}
	for name := range before {
		if !after[name] {
			m.send("info", "maintenance", name+" is back in service", map[string]any{"file": name})
		}
	}
}

// resolve returns what a file's name means, port 0 for every port.
func (m *maintenance) resolve(ctx context.Context, name string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), 0)}, nil
	}
	if a, err := netip.ParseAddrPort(name); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}, nil
	}
	host, digits, _ := strings.Cut(name, ":")
	port, err := strconv.ParseUint(digits, 10, 16)
	if digits != "" && err != nil || strings.HasPrefix(name, ".") {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupBound)
	defer cancel()
	addrs, err := m.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, a := range addrs {
		all = append(all, netip.AddrPortFrom(a.Unmap(), uint16(port)))
	}
	return all, nil
}
