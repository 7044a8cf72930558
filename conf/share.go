package conf

import (
	"cmp"
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
	var places []*Block
	at := len(d.Blocks)
	for i, b := range d.Blocks {
		if b.Type == namedCheckBlock.name {
			return // somebody has done so
		}
		if b.Type != serverBlock.name {
			continue
		}
		at = min(at, i)
		for _, place := range append([]*Block{b}, realServersOf(b)...) {
			places = append(places, place)
			s.count(place, b)
		}
	}
	var uses []use
	for _, place := range places {
		uses = append(uses, use{place, s.take(place)})
	}
	d.Blocks = slices.Insert(d.Blocks, at, s.named()...)
	for _, u := range uses {
		u.write()
	}
}

func realServersOf(b *Block) (all []*Block) {
	for _, k := range b.Blocks {
		if k.Type == realServerBlock.name {
			all = append(all, k)
		}
	}
	return all
}

// sharing finds checks that several virtual servers have.
type sharing struct {
	all   map[string]*sharedCheck // by what they say
	taken []*sharedCheck          // out of virtual servers
}

// sharedCheck is what checks say in several places.
type sharedCheck struct {
	services map[*Block]bool // that have it
	block    *Block          // the first one that was taken out of its place
}

// use is a virtual or real server and the checks that were taken out of it.
type use struct {
	place  *Block
	checks []*sharedCheck
}

func (u use) write() {
	var names []string
	for _, c := range u.checks {
		names = append(names, c.block.Labels[1])
	}
	if len(names) > 0 {
		u.place.Set("checks", names)
	}
}

// count notes the checks of a virtual server or of one of its real servers.
func (s *sharing) count(place, service *Block) {
	for _, c := range place.Blocks {
		if c.Type != inlineCheckBlock.name {
			continue
		}
		text := saying(c)
		if s.all[text] == nil {
			s.all[text] = &sharedCheck{services: map[*Block]bool{}}
		}
		s.all[text].services[service] = true
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

// take takes the checks that stand first in a place out of it, as far as several
// virtual servers have them: the order of checks stays.
func (s *sharing) take(place *Block) (all []*sharedCheck) {
	for place.attr("checks") == nil {
		i := slices.IndexFunc(place.Blocks, func(c *Block) bool { return c.Type == inlineCheckBlock.name })
		if i < 0 {
			break
		}
		b := place.Blocks[i]
		c := s.all[saying(b)]
		if len(c.services) < 2 || len(b.Attrs) < least || slices.Contains(all, c) {
			break
		}
		place.Blocks = slices.Delete(place.Blocks, i, i+1)
		all = append(all, c)
		if c.block == nil {
			c.block, s.taken = b, append(s.taken, c)
		}
	}
	return all
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
