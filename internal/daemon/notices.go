package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vipd/vipd/internal/daemon/link"
)

// noticesOf takes what a role reports.
func (s *supervisor) noticesOf(role string) link.Handler {
	return func(ctx context.Context, method string, body json.RawMessage) (any, error) {
		if method == link.NoticeLost {
			s.warn("role", fmt.Sprintf("%s notices of role %s were lost: more came than could be taken", body, role), map[string]any{"role": role})
			return nil, nil
		}
		return s.notice(ctx, method, body)
	}
}

// notice takes what any role reports.
func (s *supervisor) notice(_ context.Context, method string, body json.RawMessage) (any, error) {
	switch method {
	case noticeEvent:
		return nil, handled(body, s.events.add)
	case noticeReady:
		go s.markTableReady()
		return nil, nil
	case noticeState:
		return nil, handled(body, s.setInstance)
	case noticeChange:
		return nil, handled(body, s.poolChanged)
	case noticeTransition:
		return nil, handled(body, s.notify.change)
	case noticeMemory:
		return nil, handled(body, s.checks.add)
	case noticeVerdict:
		return nil, handled(body, s.checks.replace)
	case noticePeerHeard:
		return nil, handled(body, s.peerHeard)
	}
	return nil, fmt.Errorf("unknown notice %q", method)
}

// markTableReady lets the router preempt: the table is programmed. It comes
// after every pass; the first one is news.
func (s *supervisor) markTableReady() {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	known := s.tableReady
	s.tableReady = true
	s.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// A router between two lives learns it from its next configuration, one
	// that leaves needs it no more.
	if err := s.router.call(ctx, callReady, nil, nil); err != nil && !errors.Is(err, errNotRunning) && !s.router.isStopping() {
		s.warn("role", err.Error(), nil)
	}
}

func (s *supervisor) isTableReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tableReady
}
