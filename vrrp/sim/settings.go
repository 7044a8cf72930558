package sim

import (
	"fmt"
	"strconv"
	"time"
)

// settings are the lines of a scenario that have no time.
var settings = map[string]func(*Scenario, []string) error{
	"node":    (*Scenario).setNode,
	"address": (*Scenario).setAddress,
	"seed":    (*Scenario).setSeed,
	"delay":   (*Scenario).setDelay,
	"drift":   (*Scenario).setDrift,
}

func (s *Scenario) setNode(args []string) error {
	switch len(args) {
	case 1:
		args = append(args, DefaultConfig)
	case 2:
	default:
		return fmt.Errorf("usage: node NAME [FILE]")
	}
	s.Nodes = append(s.Nodes, Node{Name: args[0], File: args[1]})
	return nil
}

func (s *Scenario) setAddress(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: address NODE IFACE ADDR")
	}
	for i := range s.Nodes {
		if s.Nodes[i].Name == args[0] {
			s.Nodes[i].Addresses = append(s.Nodes[i].Addresses, [2]string{args[1], args[2]})
			return nil
		}
	}
	return fmt.Errorf("unknown node %q", args[0])
}

func (s *Scenario) setSeed(args []string) (err error) {
	if len(args) != 1 {
		return fmt.Errorf("usage: seed N")
	}
	s.Options.Seed, err = strconv.ParseUint(args[0], 10, 64)
	return err
}

func (s *Scenario) setDrift(args []string) (err error) {
	if len(args) != 1 {
		return fmt.Errorf("usage: drift PPM")
	}
	s.Options.DriftPPM, err = strconv.ParseInt(args[0], 10, 64)
	return err
}

func (s *Scenario) setDelay(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("usage: delay LEAST [MOST]")
	}
	least, err := time.ParseDuration(args[0])
	if err != nil {
		return fmt.Errorf("parse delay: %w", err)
	}
	most, err := time.ParseDuration(args[len(args)-1])
	if err != nil {
		return fmt.Errorf("parse delay: %w", err)
	}
	if least < 0 || most < least {
		return fmt.Errorf("delay from %v to %v", least, most)
	}
	s.Options.Delay, s.Options.Jitter = least, most-least
	return nil
}
