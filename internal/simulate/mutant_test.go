package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/vrrp"
	"github.com/vipd/vipd/vrrp/sim"
)

// mutant is an engine with a mistake: an event that it does not hear, or an
// action that it forgets.
type mutant struct {
	*vrrp.Engine
	deaf   func(vrrp.Event) bool
	forget func(vrrp.Action) bool
}

func (m *mutant) Step(now time.Time, ev vrrp.Event) vrrp.Output {
	if m.deaf != nil && m.deaf(ev) {
		ev = &vrrp.Tick{}
	}
	out := m.Engine.Step(now, ev)
	if m.forget != nil {
		out.Actions = slices.DeleteFunc(slices.Clone(out.Actions), m.forget)
	}
	return out
}

// TestMutantsAreFound: every mistake is found by a few random scripts, which
// are cut down to a handful of steps and kept as a scenario that fails with the
// mistake and passes without.
func TestMutantsAreFound(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]mutant{
		"does not give addresses up": {forget: func(a vrrp.Action) bool { _, is := a.(*vrrp.Release); return is }},
		"does not take them":         {forget: func(a vrrp.Action) bool { _, is := a.(*vrrp.Hold); return is }},
		"does not see links come up": {deaf: func(ev vrrp.Event) bool {
			l, is := ev.(*vrrp.Link)
			return is && l.Up
		}},
		"does not see links go down": {deaf: func(ev vrrp.Event) bool {
			l, is := ev.(*vrrp.Link)
			return is && !l.Up
		}},
		"is deaf to better ones": {deaf: func(ev vrrp.Event) bool {
			p, is := ev.(*vrrp.Received)
			return is && p.Payload[2] >= 150
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := load(t, map[string]string{"vipd.hcl": two + web})
			s.engine = func() sim.Engine { return &mutant{vrrp.NewEngine(), m.deaf, m.forget} }
			_, f, err := s.Random(300, 1, nil)
			if err != nil || f == nil {
				t.Fatalf("not found: %v", err)
			}
			if n := strings.Count(f.Script, "\nat "); n > 5 {
				t.Errorf("%d steps are left:\n%s", n, f.Script)
			}
			kept := scenario(s, f, "version = 1\n"+two+web)
			if again, err := s.Scenario(kept); err != nil || len(again.Broken) == 0 {
				t.Errorf("what was kept does not fail: %v\n%s", err, kept)
			}
			s.engine = nil
			if healed, err := s.Scenario(kept); err != nil || len(healed.Broken) > 0 {
				t.Errorf("what was kept fails without the mistake: %v %v\n%s", err, healed, kept)
			}
		})
	}
}
