package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vipd/vipd/conf"
)

// NodeFile is the configuration file of one of several nodes.
type NodeFile struct {
	Name string
	File string
}

// ParseNodeFiles reads "NAME=FILE" arguments; ok is false unless all are so.
func ParseNodeFiles(args []string) (nodes []NodeFile, ok bool) {
	for _, arg := range args {
		name, file, is := strings.Cut(arg, "=")
		if !is || name == "" || file == "" || strings.ContainsAny(name, "/.") {
			return nil, false
		}
		nodes = append(nodes, NodeFile{name, file})
	}
	return nodes, len(nodes) > 0
}

// loadNodes reads the files of several nodes, each as that node would. The
// nodes are nil when the diagnostics hold an error.
func loadNodes(files []NodeFile, m Migration) (nodes []conf.Node, diags conf.Diagnostics) {
	for _, f := range files {
		cfg, remarks := Options{Files: []string{f.File}, Format: m.Format, Director: f.Name, Program: m.program(), Account: m.account()}.Load()
		diags = append(diags, remarks...)
		if cfg != nil {
			nodes = append(nodes, conf.Node{Name: f.Name, Config: cfg})
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return nodes, diags
}

// CheckNodes checks the files of several nodes, each by itself and all
// together. subnets are those of this machine's interfaces, by which virtual
// addresses are judged: nodes of one cluster share their segments.
func CheckNodes(files []NodeFile, format conf.Format, subnets map[string][]netip.Prefix) conf.Diagnostics {
	nodes, diags := loadNodes(files, Migration{Format: format})
	for _, n := range nodes {
		diags = append(diags, n.Config.OffSubnet(subnets)...)
	}
	return append(diags, conf.Together(nodes)...)
}

// MigrateNodes converts the files of several nodes to one with a director
// block for each. The text is read back as every node and compared with what
// the node's own file means.
func (m Migration) MigrateNodes(files []NodeFile) Converted {
	nodes, diags := loadNodes(files, m)
	if nodes == nil {
		return Converted{Diagnostics: diags}
	}
	diags = append(diags, conf.Together(nodes)...)
	doc := conf.Compose(nodes)
	var names []string
	for _, f := range files {
		names = append(names, f.Name+": "+f.File)
		text, err := os.ReadFile(f.File)
		if err == nil && conf.DetectFormat(text) == conf.FormatKeepalived {
			annotate(doc, []string{f.File}, conf.FormatKeepalived, conf.Options{Director: f.Name, Program: m.program()})
		}
	}
	doc.ShareChecks()
	doc.Head = append(doc.Head, "Converted by vipd migrate from "+strings.Join(names, ", ")+".")
	text := doc.Bytes()
	for i, n := range nodes {
		o := conf.Options{Director: n.Name, Hostname: n.Name, Env: os.LookupEnv, Read: os.ReadFile, Resolve: newResolver().lookUp, Program: m.program()}
		if !sameMeaning(text, amongDirectors(n, doc), o) {
			return Converted{Diagnostics: append(diags, notTheSame(files[i].File))}
		}
	}
	return Converted{text, doc.Count(), lostPrograms(diags)}
}

// amongDirectors is what a node's configuration means in a file for several:
// there are others.
func amongDirectors(n conf.Node, doc *conf.Document) *conf.Config {
	c := *n.Config
	c.Director, c.Directors = n.Name, doc.Directors
	c.Routers = slices.Clone(c.Routers)
	for i := range c.Routers {
		c.Routers[i].Peers = true
	}
	return &c
}

func notTheSame(file string) conf.Diagnostic {
	return conf.Diagnostic{
		Severity: conf.Error, Code: "not_the_same", File: file,
		Summary: fmt.Sprintf("the converted text does not mean the same as %s: please report this", file),
	}
}
