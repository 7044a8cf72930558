package keepalived

import (
	"path/filepath"
	"strings"
)

// dumpFile is where a dump goes: a file, or a file of the usual name in a
// directory.
func dumpFile(path *string, usual string) string {
	switch {
	case path == nil:
		return filepath.Join("/tmp", usual)
	case strings.HasSuffix(*path, "/"):
		return filepath.Join(*path, usual)
	case !filepath.IsAbs(*path):
		return filepath.Join("/tmp", *path)
	}
	return *path
}

// dumpSuffix is a part of the names of dumps that tells daemons of one machine
// apart, if that is wanted.
func (g *globals) dumpSuffix() string {
	var names []string
	for _, name := range []*string{g.namespace, g.instance} {
		if or(g.namedDumps, false) && or(name, "") != "" {
			names = append(names, filepath.Base(*name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "." + strings.Join(names, "_")
}

// dumpOf is the name of another process's dump beside the first one's.
func dumpOf(data, process, suffix string) string {
	ext := filepath.Ext(data)
	stem, named := strings.CutSuffix(strings.TrimSuffix(data, ext), suffix)
	if !named {
		suffix = ""
	}
	return stem + "_" + process + suffix + ext
}
