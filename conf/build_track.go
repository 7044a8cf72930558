package conf

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/vipd/vipd/vrrp"
)

// maxPingTargets bounds what one tracked set of addresses can cost.
const maxPingTargets = 64

// trackSet knows what tracks may refer to.
type trackSet struct {
	*builder
	defined map[vrrp.TrackID]*node
	order   []vrrp.TrackID
	used    map[vrrp.TrackID]bool
}

// tracking builds the track_… blocks. Virtual servers are known by name
// alone.
func (b *builder) tracking(root *node) *trackSet {
	s := &trackSet{builder: b, defined: map[vrrp.TrackID]*node{}, used: map[vrrp.TrackID]bool{}}
	t := &b.cfg.Tracking
	for _, n := range s.define(root, "track_script", vrrp.TrackScript) {
		t.Scripts = append(t.Scripts, b.trackScript(n))
	}
	for _, n := range s.define(root, "track_ping", vrrp.TrackPing) {
		t.Pings = append(t.Pings, b.trackPing(n))
	}
	for _, n := range s.define(root, "track_file", vrrp.TrackFile) {
		t.Files = append(t.Files, b.trackFile(n))
	}
	for _, n := range s.define(root, "track_process", vrrp.TrackProcess) {
		t.Processes = append(t.Processes, b.trackProcess(n))
	}
	for _, n := range root.all("virtual_server") {
		s.defined[vrrp.TrackID{Kind: vrrp.TrackService, Name: n.labels[0]}] = n
	}
	return s
}

// define notes the blocks of one kind and returns those with a good name.
func (s *trackSet) define(root *node, block string, kind vrrp.TrackKind) []*node {
	names := s.names()
	var good []*node
	for _, n := range root.all(block) {
		if !names.add(n) {
			continue
		}
		id := vrrp.TrackID{Kind: kind, Name: n.labels[0]}
		s.defined[id] = n
		s.order = append(s.order, id)
		good = append(good, n)
	}
	return good
}

func (b *builder) trackScript(n *node) TrackScript {
	t := TrackScript{
		Name: n.labels[0], Command: b.command(n, "command"), Interval: get[time.Duration](n, "interval"),
		Timeout: get[time.Duration](n, "timeout"), Rise: int(get[int64](n, "rise")), Fall: int(get[int64](n, "fall")),
		User: get[string](n, "user"), InitFail: get[bool](n, "init_fail"),
	}
	if t.Timeout == 0 {
		t.Timeout = t.Interval
	}
	if t.User == "" {
		t.User = b.cfg.Global.Scripts.User
	}
	return t
}

func (b *builder) trackPing(n *node) TrackPing {
	t := TrackPing{
		Name: n.labels[0], Interval: get[time.Duration](n, "interval"), Timeout: get[time.Duration](n, "timeout"),
		Rise: int(get[int64](n, "rise")), Fall: int(get[int64](n, "fall")), Hold: get[time.Duration](n, "hold"),
	}
	for _, word := range get[[]located[string]](n, "targets") {
		if a, ok := b.address(word.rng, "target", word.v); ok {
			if slices.Contains(t.Targets, a) {
				b.errorf("duplicate_address", word.rng, "", "target %s appears twice", a)
			}
			t.Targets = append(t.Targets, a)
		}
	}
	if all := len(get[[]located[string]](n, "targets")); n.has("targets") && (all == 0 || all > maxPingTargets) {
		b.errorf("out_of_range", n.at("targets"), "", "%s has %d targets: 1 to %d", n, all, maxPingTargets)
	}
	t.Require = b.required(n, t.Targets)
	return t
}

// required reads how many of the targets must answer.
func (b *builder) required(n *node, targets []netip.Addr) int {
	word := get[string](n, "require")
	switch word {
	case "any":
		return 1
	case "all":
		return len(targets)
	}
	count, err := strconv.Atoi(word)
	if !n.bad("require", "targets") && (err != nil || count < 1 || count > len(targets)) {
		b.errorf("bad_count", n.at("require"), `"any", "all" or a number`, "require %q: there are %d targets", word, len(targets))
	}
	return count
}

func (b *builder) trackFile(n *node) TrackFile {
	t := TrackFile{Name: n.labels[0], Path: get[string](n, "path")}
	if n.has("path") && !filepath.IsAbs(t.Path) {
		b.errorf("relative_path", n.at("path"), "", "path %q is not absolute", t.Path)
	}
	if n.has("init") {
		v := int(get[int64](n, "init"))
		t.Init, t.Overwrite = &v, get[bool](n, "overwrite")
	}
	return t
}

func (b *builder) trackProcess(n *node) TrackProcess {
	t := TrackProcess{
		Name: n.labels[0], Program: get[string](n, "program"), Quorum: int(get[int64](n, "quorum")), Most: int(get[int64](n, "quorum_max")),
		Delay: get[time.Duration](n, "delay"), UpDelay: get[time.Duration](n, "up_delay"),
		Full: get[bool](n, "full_command"),
	}
	if word := get[string](n, "match"); word != "begin" {
		t.Match = ArgumentMatch(word)
	}
	if t.Most > 0 && t.Most < t.Quorum {
		b.errorf("bad_quorum", n.at("quorum_max"), "", "quorum_max %d is below quorum %d", t.Most, t.Quorum)
	}
	for _, word := range get[[]located[string]](n, "arguments") {
		t.Args = append(t.Args, word.v)
	}
	return t
}

// tracks builds the track blocks of an instance or group.
func (s *trackSet) tracks(n *node) []vrrp.Track {
	var out []vrrp.Track
	first := map[vrrp.TrackID]hcl.Range{}
	for _, k := range n.all("track") {
		t := vrrp.Track{
			ID:     vrrp.TrackID{Kind: vrrp.TrackKind(k.labels[0]), Name: k.labels[1]},
			Weight: int(get[int64](k, "weight")), Reverse: get[bool](k, "reverse"), Debounce: get[time.Duration](k, "debounce"),
		}
		if prev, again := first[t.ID]; again {
			s.errorf("duplicate_name", k.rngs[1], "", "%s is tracked twice, first at %s", t.ID, where(prev))
			continue
		}
		first[t.ID] = k.rngs[1]
		if s.refers(k, t.ID) {
			out = append(out, t)
		}
	}
	return out
}

// refers checks what a track refers to.
func (s *trackSet) refers(k *node, id vrrp.TrackID) bool {
	if id.Kind == vrrp.TrackInterface {
		if why := BadInterface(id.Name); why != "" {
			s.errorf("bad_interface", k.rngs[1], "", "%q cannot be an interface name: %s", id.Name, why)
			return false
		}
		return true
	}
	if s.defined[id] == nil {
		s.absent("unknown_track", k.rngs[1], s.hint(id), "there is no %s called %q", s.blockOf(id.Kind), id.Name)
		return false
	}
	if id.Kind == vrrp.TrackService && !s.used[id] {
		s.cfg.Tracking.Services = append(s.cfg.Tracking.Services, id.Name)
	}
	s.used[id] = true
	return true
}

// blockOf names the block that defines a kind of thing.
func (s *trackSet) blockOf(kind vrrp.TrackKind) string {
	if kind == vrrp.TrackService {
		return string(kind)
	}
	return "track_" + string(kind)
}

func (s *trackSet) hint(id vrrp.TrackID) string {
	var known []string
	for have := range s.defined {
		if have.Kind == id.Kind {
			known = append(known, have.Name)
		}
	}
	if len(known) == 0 {
		return "define it at top level: " + s.blockOf(id.Kind) + ` "` + id.Name + `" { … }`
	}
	slices.Sort(known)
	return didYouMean(id.Name, known)
}

// reportUnused warns about track_… blocks that nobody refers to.
func (s *trackSet) reportUnused() {
	if s.errors > 0 || s.partial {
		return
	}
	for _, id := range s.order {
		if n := s.defined[id]; !s.used[id] {
			s.warnf("unused_track", n.def, `track "`+string(id.Kind)+`" "`+id.Name+`" {} in a vrrp_instance or vrrp_sync_group`, "%s is not used", n)
		}
	}
}

// programs reads the programs of a block by their keys, each with who runs it.
func (b *builder) programs(n *node, keys []string, to ...*Program) {
	user := map[string]string{}
	for _, k := range n.all(programBlock.name) {
		key := k.labels[0]
		_, again := user[key]
		switch {
		case !slices.Contains(keys, key):
			b.errorf("unknown_program", k.rngs[0], didYouMean(key, keys), "there is no program %q in %s", key, n)
		case !n.has(key) && !n.bad(key):
			b.errorf("no_program", k.rngs[0], "", "%s has no %s that anybody could run", n, key)
		case again:
			b.errorf("duplicate_program", k.rngs[0], "", "program %q appears twice in %s", key, n)
		}
		user[key] = get[string](k, "user")
	}
	for i, key := range keys {
		if p := to[i]; n.has(key) {
			p.Args, p.User = b.command(n, key), cmp.Or(user[key], get[string](n, "user"))
		}
	}
}

// command reads a program and its arguments and looks at the program.
func (b *builder) command(n *node, name string) []string {
	var words []string
	for _, w := range get[[]located[string]](n, name) {
		words = append(words, w.v)
	}
	switch {
	case !n.has(name):
	case len(words) == 0:
		b.errorf("empty", n.at(name), "leave it out for none", "%s is empty", name)
	case !filepath.IsAbs(words[0]):
		b.errorf("relative_path", n.at(name), "write its whole path", "program %q of %s is not absolute", words[0], name)
	default:
		b.program(n.at(name), words[0])
	}
	return words
}

// program warns about a program that will not run as things are now. It may
// be another machine that checks the file, so it is no error.
func (b *builder) program(at hcl.Range, path string) {
	why := ""
	switch err := b.opts.Program(path); {
	case err != nil:
		why = err.Error()
	default:
		return
	}
	b.warnf("bad_program", at, "it is looked at again before each run; what is not safe does not run and counts as failed", "%s", why)
}
