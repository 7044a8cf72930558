package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vipd/vipd/vrrp"
)

// parseShare reads a percentage as a share of 1.
func parseShare(word string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(word, "%"), 64)
	if err != nil || percent < 0 || percent > 100 {
		return 0, fmt.Errorf("a share is 0 to 100 percent, not %q", word)
	}
	return percent / 100, nil
}

func (r *run) duplicate(args []string) error {
	share, err := parseShare(args[0])
	if err == nil {
		r.world.SetDuplicates(share)
	}
	return err
}

func (r *run) delay(args []string) error {
	var s Scenario
	if err := s.setDelay(args); err != nil {
		return err
	}
	r.world.SetDelay(s.Options.Delay, s.Options.Jitter)
	return nil
}

func (r *run) track(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	o := vrrp.Observed{ID: vrrp.TrackID{Kind: vrrp.TrackKind(args[1]), Name: args[2]}, State: vrrp.TrackUp}
	switch args[3] {
	case "up":
	case "down":
		o.State = vrrp.TrackDown
	default:
		value, err := strconv.Atoi(args[3])
		if err != nil {
			return fmt.Errorf("a tracked thing is up, down or a number, not %q", args[3])
		}
		o.Value = value
	}
	r.world.Track(args[0], o)
	return nil
}

func (r *run) standby(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	if len(args) == 3 && args[2] != "force" {
		return fmt.Errorf("unknown word %q", args[2])
	}
	r.world.StandBy(args[0], args[1], len(args) == 3)
	return nil
}

func (r *run) active(args []string) error {
	if err := r.known(args[0]); err != nil {
		return err
	}
	r.world.Active(args[0], args[1])
	return nil
}
