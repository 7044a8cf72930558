package daemon

import (
	"fmt"
	"strings"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/conf/keepalived"
	"github.com/vipd/vipd/conf/ldirectord"
)

// loader reads files of one format.
type loader func([]string, conf.Options) (*conf.Config, conf.Diagnostics)

// loaders are the formats that can be run as they are.
var loaders = map[conf.Format]loader{
	conf.FormatHCL:        conf.Load,
	conf.FormatKeepalived: keepalived.Load,
	conf.FormatLdirectord: ldirectord.Load,
}

// load reads files with the reader of their format. An empty format is told by
// what the first file contains.
func load(files []string, format conf.Format, o conf.Options) (*conf.Config, conf.Diagnostics) {
	if format == "" && len(files) > 0 {
		text, err := o.Read(files[0])
		if err == nil {
			format = conf.DetectFormat(text)
		}
	}
	if format == "" {
		format = conf.FormatHCL
	}
	read, ok := loaders[format]
	if !ok {
		return nil, conf.Diagnostics{{
			Severity: conf.Error, Code: "unknown_format", Summary: fmt.Sprintf("format %q cannot be read", format),
			Hint: "known: " + strings.Join(Formats(), ", "),
		}}
	}
	return read(files, o)
}

// Formats are the names of the formats that can be read.
func Formats() (names []string) {
	for _, f := range conf.Formats {
		if loaders[f] != nil {
			names = append(names, string(f))
		}
	}
	return names
}
