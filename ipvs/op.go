package ipvs

import (
	"fmt"
	"strings"
)

// Kind names an operation on the table.
type Kind uint8

// Kinds of operations.
const (
	AddService Kind = iota
	EditService
	AddDestination
	SetWeight       // nothing but the weight changes
	EditDestination // forwarding, thresholds or tunnel change, perhaps the weight too
	RemoveDestination
	RemoveService // with all its destinations
)

var kindNames = [...]string{
	"add_service", "edit_service", "add_destination", "set_weight",
	"edit_destination", "remove_destination", "remove_service",
}

// String returns the name in snake case, as used in metrics.
func (k Kind) String() string { return kindNames[k] }

// MarshalText makes kinds readable in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Op is one operation on the kernel's table.
type Op struct {
	Kind Kind
	// Service is the service as it is after the operation.
	Service Service
	// Destination is the destination as it is after the operation, for
	// kinds that concern one.
	Destination Destination
	// OldService and OldDestination are what an edit replaces.
	OldService     Service
	OldDestination Destination
}

// String describes the operation for logs: "set weight 0 on 192.0.2.1:80 of
// tcp 192.0.2.9:80 (was 3)".
func (o Op) String() string {
	svc, dst := o.Service.Key, o.Destination.Address
	switch o.Kind {
	case AddService:
		return fmt.Sprintf("add %s (%s)", svc, o.Service.describe())
	case EditService:
		return fmt.Sprintf("edit %s: %s", svc, changes(o.OldService.attributes(), o.Service.attributes()))
	case AddDestination:
		return fmt.Sprintf("add %s to %s (weight %d, %s)", dst, svc, o.Destination.Weight, o.Destination.Forward)
	case SetWeight:
		return fmt.Sprintf("set weight %d on %s of %s (was %d)", o.Destination.Weight, dst, svc, o.OldDestination.Weight)
	case EditDestination:
		return fmt.Sprintf("edit %s of %s: %s", dst, svc, changes(o.OldDestination.attributes(), o.Destination.attributes()))
	case RemoveDestination:
		return fmt.Sprintf("remove %s from %s", dst, svc)
	case RemoveService:
		return fmt.Sprintf("remove %s", svc)
	}
	return fmt.Sprintf("operation(%d)", uint8(o.Kind))
}

// attribute is a named value, for telling what an edit changes.
type attribute struct {
	name  string
	value any
}

func (s Service) attributes() []attribute {
	return []attribute{
		{"scheduler", s.Scheduler},
		{"persistence", s.Persistent},
		{"one-packet", s.OnePacket},
		{"scheduler flags", fmt.Sprintf("%#x", uint32(s.SchedulerFlags))},
		{"persistence granularity", s.Granularity},
		{"persistence engine", fmt.Sprintf("%q", s.Engine)},
	}
}

func (d Destination) attributes() []attribute {
	return []attribute{
		{"weight", d.Weight},
		{"forwarding", d.Forward},
		{"upper threshold", d.UpperThreshold},
		{"lower threshold", d.LowerThreshold},
		{"tunnel type", d.Tunnel.Type},
		{"tunnel port", d.Tunnel.Port},
		{"tunnel checksum", d.Tunnel.Flags},
	}
}

// describe lists what is special about a service: "wlc, persistent 6m0s".
func (s Service) describe() string {
	words := []string{s.Scheduler}
	if s.Persistent > 0 {
		words = append(words, "persistent "+s.Persistent.String())
	}
	if s.OnePacket {
		words = append(words, "one-packet")
	}
	if s.SchedulerFlags != 0 {
		words = append(words, s.SchedulerFlags.String())
	}
	if s.Engine != "" {
		words = append(words, "engine "+s.Engine)
	}
	return strings.Join(words, ", ")
}

// changes lists the attributes that differ. Both lists have the same names in
// the same order.
func changes(old, now []attribute) string {
	var words []string
	for i := range now {
		if old[i] != now[i] {
			words = append(words, fmt.Sprintf("%s from %v to %v", now[i].name, old[i].value, now[i].value))
		}
	}
	return strings.Join(words, ", ")
}
