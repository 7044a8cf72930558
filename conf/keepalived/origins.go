package keepalived

import (
	"net/netip"
	"strings"

	"github.com/vipd/vipd/conf"
)

// keyOf are the keys of vipd's own language that keywords of an instance stand
// for, as far as they are compared between nodes.
var keyOf = map[string]string{
	"virtual_router_id": "vrid", "state": "preempt", "nopreempt": "preempt", "preempt": "preempt", "priority": "priority",
	"version": "version", "advert_int": "advert_interval", "authentication": "auth", "virtual_ipaddress": "virtual_address",
	"unicast_peer": "unicast", "track_script": "track", "track_interface": "track", "track_process": "track", "track_file": "track",
}

// origins are where the instances and what is compared of them stand.
func (r *reader) origins() map[conf.Place]conf.Origin {
	out := map[conf.Place]conf.Origin{}
	for _, i := range r.instances {
		out[conf.Place{Instance: i.name}] = i.at.origin()
		for word, at := range i.words {
			if key := keyOf[word]; key != "" && (word != "state" || i.words["nopreempt"] == place{}) {
				out[conf.Place{Instance: i.name, Key: key}] = at.origin()
			}
		}
	}
	return out
}

// origin is the place without its column.
func (p place) origin() conf.Origin { return conf.Origin{File: p.file, Line: p.line} }

// Annotate writes into the blocks of a document that was made of files where
// in them each stands.
func Annotate(d *conf.Document, files []string, o conf.Options) {
	r, _ := readFiles(files, o)
	origins := map[string]conf.Origin{}
	note := func(typ, name string, at place) { origins[typ+" "+name] = at.origin() }
	for _, i := range r.instances {
		note("vrrp_instance", i.name, i.at)
	}
	for _, g := range r.groups {
		note("vrrp_sync_group", g.name, g.at)
	}
	for _, s := range r.scripts {
		note("track_script", s.name, s.at)
	}
	for _, f := range r.files {
		note("track_file", f.name, f.at)
	}
	for _, p := range r.processes {
		note("track_process", p.name, p.at)
	}
	for name, v := range r.byName {
		note("virtual_server", name, v.at)
	}
	for _, b := range d.Blocks {
		explain(b)
		if title := titleOf(b); b.Origin == (conf.Origin{}) {
			b.Origin = origins[title]
		}
		if b.Type == "virtual_server" && r.byName[b.Labels[0]] != nil {
			r.byName[b.Labels[0]].annotate(b)
		}
	}
}

// annotate does so with the real servers and the checks of a virtual server.
func (v *service) annotate(b *conf.Block) {
	for _, k := range b.Blocks {
		for _, rs := range v.servers {
			switch {
			case k.Type == "check":
				rs.annotate(k)
			case k.Type == "real_server" && rs.called(k.Labels[0]):
				from(k, rs.at)
				for _, c := range k.Blocks {
					rs.annotate(c)
				}
			}
		}
	}
}

// annotate does so with a check: it is the real server's first one of its kind.
func (rs *server) annotate(b *conf.Block) {
	for _, c := range rs.checks {
		if b.Type == "check" && b.Labels[0] == string(c.kind) {
			from(b, c.at)
		}
	}
}

// called reports whether a real server is meant by a label: its address, with its
// port or without.
func (rs *server) called(label string) bool {
	host, err := netip.ParseAddr(label)
	if err == nil {
		return rs.addr.Addr() == host
	}
	a, err := netip.ParseAddrPort(label)
	return err == nil && rs.addr.Addr() == a.Addr() && (rs.addr.Port() == 0 || rs.addr.Port() == a.Port())
}

// from notes where a block stands, unless that is known.
func from(b *conf.Block, at place) {
	if b.Origin == (conf.Origin{}) {
		b.Origin = at.origin()
	}
}

// titleOf is the kind and the name of a block, also of one that some nodes have.
func titleOf(b *conf.Block) string {
	if b.Type != "dynamic" {
		return strings.Join(append([]string{b.Type}, b.Labels...), " ")
	}
	title := b.Labels[0]
	for _, a := range b.Attrs {
		if names, are := a.Value.([]string); are && a.Name == "labels" {
			title += " " + strings.Join(names, " ")
		}
	}
	return title
}

// explain says what a block is for that stands nowhere in the files.
func explain(b *conf.Block) {
	for _, k := range b.Blocks {
		if k.Type == "keepalived_dump" {
			k.Note = "for scripts that read keepalived's dumps"
		}
	}
}
