package keepalived

import "github.com/vipd/vipd/conf"

// Annotate writes into the blocks of a document that was made of files where
// in them each stands.
func Annotate(d *conf.Document, files []string, o conf.Options) {
	r, _ := readFiles(files, o)
	origins := map[string]conf.Origin{}
	note := func(typ, name string, at place) { origins[typ+" "+name] = conf.Origin{File: at.file, Line: at.line} }
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
	for _, v := range r.services {
		note("virtual_server", serviceName(v.title), v.at)
	}
	for _, b := range d.Blocks {
		if len(b.Labels) == 1 && b.Origin == (conf.Origin{}) {
			b.Origin = origins[b.Type+" "+b.Labels[0]]
		}
	}
}
