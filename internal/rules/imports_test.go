package rules

import (
	"go/ast"
	"strconv"
	"strings"
	"testing"
)

// pure packages decide; they see no socket, file, log or clock.
var pure = map[string]bool{"vrrp": true, "vrrp/sim": true, "healthcheck": true, "ipvs": true}

// edges may use netlink and raw system calls.
func edge(dir string) bool {
	return strings.HasSuffix(dir, "/kernel") || dir == "healthcheck/probe" || strings.HasPrefix(dir, "internal/")
}

// domain returns vrrp, healthcheck or ipvs for a package of that domain.
func domain(dir string) string {
	top, _, _ := strings.Cut(dir, "/")
	switch top {
	case "vrrp", "healthcheck", "ipvs":
		return top
	}
	return ""
}

// forbidden says why a package may not import a path, or "".
func forbidden(dir, path string) string {
	ours, own := strings.CutPrefix(path, module+"/")
	switch {
	case pure[dir] && impure(path):
		return "a pure package has no sockets, files, logs"
	case (strings.Contains(path, "netlink") || path == "golang.org/x/sys/unix") && !edge(dir) && !own:
		return "kernel interfaces belong to */kernel, healthcheck/probe and internal"
	case !own:
		return ""
	case ours == "internal/spawn": // it knows nothing but the operating system
		if domain(dir) == "" || edge(dir) {
			return ""
		}
		return "programs are started at the edge"
	case domain(dir) != "" && (domain(ours) != domain(dir)):
		return "the domains import neither each other nor anything above them"
	case pure[dir] && !pure[ours]:
		return "a pure package imports pure packages only"
	case (dir == "conf" || strings.HasPrefix(dir, "conf/")) && (strings.HasPrefix(ours, "internal/") || strings.HasSuffix(ours, "/kernel")):
		return "conf knows the domains' types, not the edges"
	case strings.HasPrefix(dir, "cmd/") && domain(ours) != "":
		return "cmd speaks to the daemon and to conf"
	}
	return ""
}

// impure lists what a pure package may not import. net/netip is plain data.
func impure(path string) bool {
	switch path {
	case "net", "os", "log", "log/slog", "os/exec", "os/signal", "syscall", "net/http":
		return true
	}
	return strings.HasPrefix(path, "golang.org/x/net") || strings.HasPrefix(path, "golang.org/x/sys")
}

func TestImportRules(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := forbidden(s.dir, path); why != "" {
				t.Errorf("%s imports %s: %s", s.path, path, why)
			}
		}
	}
}

// Callers pass the time in: a clock read inside would make the simulator and
// production two different programs.
func TestPurePackagesReadNoClock(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !pure[s.dir] {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Name != "time" {
				return true
			}
			switch sel.Sel.Name {
			case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick":
				t.Errorf("%s: time.%s in a pure package", s.set.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

// The rules themselves: what must be refused is refused.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		dir, path string
		refused   bool
	}{
		{"vrrp", "net", true},
		{"vrrp", "net/netip", false},
		{"vrrp", module + "/conf", true},
		{"vrrp", module + "/vrrp/kernel", true},
		{"vrrp/runner", module + "/vrrp", false},
		{"healthcheck", module + "/ipvs", true},
		{"conf", module + "/ipvs", false},
		{"conf", module + "/internal/daemon", true},
		{"vrrp/runner", "github.com/vishvananda/netlink", true},
		{"ipvs/kernel", "github.com/mdlayher/netlink", false},
		{"cmd/vipd", module + "/vrrp", true},
		{"cmd/vipd", module + "/internal/daemon", false},
	} {
		if got := forbidden(c.dir, c.path) != ""; got != c.refused {
			t.Errorf("%s importing %s: refused %v, want %v", c.dir, c.path, got, c.refused)
		}
	}
}
