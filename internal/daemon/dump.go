package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vipd/vipd/internal/dump"
	"github.com/vipd/vipd/vrrp"
)

// dumpState writes the whole status to a file in the runtime directory, for
// the case that nobody can reach the control socket, and what keepalived
// writes for the same signal.
func (s *supervisor) dumpState(sig os.Signal) {
	s.dumping.Lock()
	defer s.dumping.Unlock()
	st := dump.State{Config: s.config(), Status: s.status(context.Background()), Cleared: s.cleared}
	path := filepath.Join(s.opt.RuntimeDir, "state.json")
	b, err := json.MarshalIndent(st.Status, "", "  ")
	if err == nil {
		err = replaceFile(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		s.warn("daemon", "dump state: "+err.Error(), nil)
		return
	}
	s.info("daemon", "state dumped", map[string]any{"file": path})
	if st.Config.Global.Dump != nil {
		s.dumpAsKeepalived(sig, st)
	}
}

// dumpAsKeepalived writes the file that belongs to the signal.
func (s *supervisor) dumpAsKeepalived(sig os.Signal, st dump.State) {
	to, err := st.Config.Global.Dump, error(nil)
	switch sig {
	case signalData:
		err = publish(to.Parent, dump.Parent(st))
		// keepalived has a process only for what is configured.
		if len(st.Config.Routers) > 0 {
			err = errors.Join(err, publish(to.Data, dump.Data(st)))
		}
		if len(st.Config.Services) > 0 {
			err = errors.Join(err, publish(to.Checkers, dump.Checkers(st)))
		}
	case signalJSON:
		var text []byte
		if text, err = dump.JSON(st); err == nil {
			err = publish(to.JSON, text)
		}
	default:
		err = publish(to.Stats, dump.Stats(st))
	}
	if err != nil {
		s.warn("daemon", "dump state for scripts: "+err.Error(), nil)
	}
	if sig == signalClear {
		s.cleared = map[vrrp.RouterID]vrrp.Counters{}
		for _, in := range st.Status.Instances {
			s.cleared[dump.ID(in)] = in.Counters
		}
	}
}

// publish replaces a file in a directory where others may write: what has its
// name, a link perhaps, is not followed.
func publish(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// logConfig writes the configuration and state to the log, line by line.
func (s *supervisor) logConfig(ctx context.Context) {
	st := dump.State{Config: s.config(), Status: s.status(ctx)}
	for line := range strings.Lines(string(dump.Data(st)) + string(dump.Checkers(st))) {
		s.info("config", strings.TrimRight(line, "\n"), nil)
	}
}
