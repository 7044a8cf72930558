package conf

import (
	"cmp"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ShareChecks takes repetition out of the virtual servers of a document. A check
// that several of them have in the same words goes to the top level and is used
// by its name; what the other checks of one have in common is said once. The
// document means what it did, but that checks have names now.
func (d *Document) ShareChecks() {
	d.shareChecks()
	d.shareDefaults()
}

func (d *Document) shareChecks() {
	s := &sharing{all: map[string]*sharedCheck{}}
	at := len(d.Blocks)
	for i, b := range d.Blocks {
		if b.Type == namedCheckBlock.name {
			return // somebody has done so
		}
		if b.Type != serverBlock.name {
			continue
		}
		at = min(at, i)
		s.add(b, b)
		for _, k := range b.Blocks {
			if k.Type == realServerBlock.name {
				s.add(k, b)
			}
		}
	}
	for !s.settled() {
	}
	for _, p := range s.places {
		s.take(p)
	}
	d.Blocks = slices.Insert(d.Blocks, at, s.named()...)
	for _, p := range s.places {
		p.write()
	}
}

// sharing finds checks that several virtual servers have.
type sharing struct {
	places []*checkPlace
	all    map[string]*sharedCheck // by what they say
	taken  []*sharedCheck          // out of their places
}

// checkPlace is a virtual server, or a real server of one, and its checks.
type checkPlace struct {
	block, service *Block
	checks         []*sharedCheck
}

// sharedCheck is what checks say in several places.
type sharedCheck struct {
	services int    // that can have it from the top level
	block    *Block // the first one that was taken out of its place
}

// add notes the checks of a virtual server, or of one of its real servers. Those
// that say hardly anything stay where they are.
func (s *sharing) add(block, service *Block) {
	p := &checkPlace{block: block, service: service}
	for _, c := range block.Blocks {
		if c.Type != inlineCheckBlock.name {
			continue
		}
		text := saying(c)
		if s.all[text] == nil {
			s.all[text] = &sharedCheck{}
			if len(c.Attrs) >= least {
				s.all[text].services = math.MaxInt // nobody has counted
			}
		}
		p.checks = append(p.checks, s.all[text])
	}
	if block.attr("checks") == nil && len(p.checks) > 0 {
		s.places = append(s.places, p)
	}
}

// saying is what a block of attributes says, wherever that comes from.
func saying(b *Block) string {
	text := blockKey(b)
	for _, a := range b.Attrs {
		text += "\n" + a.Name + " = " + valueText(a.Value)
	}
	return text
}

// shared are the checks that can be taken out of a place: those that stand first,
// so that the order of all stays.
func (p *checkPlace) shared() []*sharedCheck {
	for i, c := range p.checks {
		if c.services < 2 || slices.Contains(p.checks[:i], c) {
			return p.checks[:i]
		}
	}
	return p.checks
}

// settled counts the virtual servers that can have each check from the top level,
// and reports whether they are as many as before: where one check stays, those
// behind it stay as well.
func (s *sharing) settled() bool {
	services := map[*sharedCheck]map[*Block]bool{}
	for _, p := range s.places {
		for _, c := range p.shared() {
			if services[c] == nil {
				services[c] = map[*Block]bool{}
			}
			services[c][p.service] = true
		}
	}
	same := true
	for _, c := range s.all {
		same = same && c.services == len(services[c])
		c.services = len(services[c])
	}
	return same
}

// take takes the shared checks out of a place.
func (s *sharing) take(p *checkPlace) {
	p.checks = p.shared()
	next := 0
	p.block.Blocks = slices.DeleteFunc(p.block.Blocks, func(b *Block) bool {
		if b.Type != inlineCheckBlock.name || next == len(p.checks) {
			return false
		}
		if c := p.checks[next]; c.block == nil {
			c.block, s.taken = b, append(s.taken, c)
			b.Origin = cmp.Or(b.Origin, p.block.Origin)
		}
		next++
		return true
	})
}

// write names the checks that were taken.
func (p *checkPlace) write() {
	var names []string
	for _, c := range p.checks {
		names = append(names, c.block.Labels[1])
	}
	if len(names) > 0 {
		p.block.Set("checks", names)
	}
}

// telling are the keys that tell checks of one kind apart, the best one first.
var telling = []string{"path", "virtual_host", "url", "name", "base", "database", "service", "command", "port", "interval", "timeout"}

// notInName are the characters that a name made of a value does not have.
var notInName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// named names the checks that were taken by their kind, and by what tells those of
// one kind apart where there are several, and returns their blocks.
func (s *sharing) named() (blocks []*Block) {
	kinds := map[string][]*Block{}
	for _, c := range s.taken {
		blocks = append(blocks, c.block)
		kinds[c.block.Labels[0]] = append(kinds[c.block.Labels[0]], c.block)
	}
	for kind, among := range kinds {
		for i, b := range among {
			name := kind
			if len(among) > 1 {
				name += "-" + cmp.Or(tellingValue(b, among), strconv.Itoa(i+1))
			}
			b.Labels = []string{kind, name}
		}
	}
	return blocks
}

// tellingValue is the value of the first key that is different in all checks of a
// kind, as a part of a name; empty when there is none.
func tellingValue(c *Block, among []*Block) string {
	for _, key := range telling {
		seen := map[string]bool{}
		for _, other := range among {
			if a := other.attr(key); a != nil {
				seen[inName(a.Value)] = true
			}
		}
		if a := c.attr(key); len(seen) == len(among) && !seen[""] {
			return inName(a.Value)
		}
	}
	return ""
}

// inName is a value as a part of a name; of a path in a list its last part.
func inName(v any) string {
	const most = 40
	text := valueText(v)
	if list, is := v.([]string); is {
		text = ""
		for _, word := range list {
			text += path.Base(word) + "-"
		}
	}
	name := notInName.ReplaceAllString(text, "-")
	return strings.Trim(name[:min(len(name), most)], "-")
}
