// Package simulate runs elections on people's own configurations in virtual
// time: with a scenario, with the loss of a director, or with random faults.
package simulate

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp/sim"
)

// Director is one director of a simulation.
type Director struct {
	Name   string
	Config *conf.Config
}

// Load reads the configurations of all directors: the director blocks of the
// files, or else each file as the configuration of one director, named like
// the file. The list is empty when the diagnostics hold an error.
func Load(files []string, o conf.Options) ([]Director, conf.Diagnostics) {
	var all []Director
	var diags conf.Diagnostics
	load := func(name string, files []string) {
		own := o
		own.Director, own.Hostname = name, name
		c, d := conf.Load(files, own)
		if diags == nil || d.HasErrors() {
			diags = d
		}
		all = append(all, Director{name, c})
	}
	if names := conf.DirectorNames(files, o); len(names) > 0 {
		for _, name := range names {
			load(name, files)
		}
	} else {
		for _, file := range files {
			load(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), []string{file})
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return all, diags
}

// setup is a configuration's part in elections.
func setup(c *conf.Config) sim.Setup {
	s := sim.Setup{Routers: c.Routers}
	for _, g := range c.Groups {
		s.Groups = append(s.Groups, g.Group)
	}
	return s
}

// loader gives each director its own configuration; a scenario may bring
// further ones for reloads, which are read once.
func loader(directors []Director, o conf.Options) sim.Loader {
	read := make(map[string]sim.Setup)
	return func(name string, data []byte) (sim.Setup, error) {
		for _, d := range directors {
			if d.Name == name && data == nil {
				return setup(d.Config), nil
			}
		}
		key := name + "\n" + string(data)
		if s, ok := read[key]; ok {
			return s, nil
		}
		own := o
		own.Director, own.Hostname = name, name
		own.Read = func(string) ([]byte, error) { return data, nil }
		c, diags := conf.Load([]string{sim.DefaultConfig}, own)
		if c == nil {
			return sim.Setup{}, fmt.Errorf("load configuration: %s", diags[0].Summary)
		}
		read[key] = setup(c)
		return read[key], nil
	}
}
