package daemon

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// autoReloadEvery is how often the files are looked at.
	autoReloadEvery = time.Second
	// autoReloadQuiet is how many looks in a row must see the same new files:
	// an editor or a package manager may still be writing.
	autoReloadQuiet = 2
)

// fileWatch notices that configuration files have changed and settled.
type fileWatch struct {
	seen    string // at the last look
	settled int    // looks since seen changed
}

// look takes the fingerprint of the files as they are and reports whether they
// have settled.
func (w *fileWatch) look(now string) bool {
	if now != w.seen {
		w.seen, w.settled = now, 0
		return false
	}
	w.settled++
	return w.settled >= autoReloadQuiet
}

// autoReload reloads when the files change, while the configuration asks for
// it, and runs the program that is told of changes. Every set of files is tried
// once: a broken file is not retried until it changes again.
func (s *supervisor) autoReload(ctx context.Context) {
	var watch fileWatch
	told := s.filesNow()
	tick := time.NewTicker(autoReloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.filesNow()
		if !watch.look(now) {
			continue
		}
		if s.config().Global.AutoReload && now != s.filesLoaded() {
			s.info("reload", "configuration files have changed", nil)
			s.reloadConfig(ctx, reloadRequest{})
		}
		if now != told {
			told = s.filesNow() // a reload may have named others
			g := s.config().Global
			runHook(s.opt, g.Scripts.User, g.FilesChanged, "files_changed")
		}
	}
}

// filesNow is the fingerprint of all files of the running configuration.
func (s *supervisor) filesNow() string {
	return fingerprint(slices.Concat(s.opt.Files, s.config().Files))
}

// filesLoaded is the fingerprint of what was last loaded or tried.
func (s *supervisor) filesLoaded() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded
}

// noteFiles remembers what was loaded. before is the fingerprint from before
// the files were read: when they changed meanwhile, nobody knows what was read.
func (s *supervisor) noteFiles(before string, files []string) {
	after := fingerprint(slices.Concat(s.opt.Files, s.config().Files))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = before
	if after == before {
		s.loaded = fingerprint(slices.Concat(s.opt.Files, files))
	}
}

// fingerprint changes whenever one of the files is written or replaced.
func fingerprint(files []string) string {
	slices.Sort(files)
	var b strings.Builder
	for _, name := range slices.Compact(files) {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", name, err)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}
