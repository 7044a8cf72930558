package daemon

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manyServices is a configuration of n virtual servers with ten real servers
// each; weight is that of one of these, in the middle.
func manyServices(n, weight int) string {
	var b strings.Builder
	address := func(i int) string { return fmt.Sprintf("10.1.%d.%d", (i+1)>>8, (i+1)&255) }
	fmt.Fprintf(&b, "version = 1\nvrrp_instance \"all\" {\n  interface = \"eth0\"\n  vrid = 51\n  version = 3\n  virtual_address = [\"%s/32\"]\n  excluded_address = [\n", address(0))
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "    \"%s/32\",\n", address(i))
	}
	b.WriteString("  ]\n}\n")
	for i := range n {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = \"%s:80\"\n  forward = \"masquerade\"\n  check \"tcp\" {\n    interval = \"1h\"\n  }\n", i, address(i))
		for j := range 10 {
			w := 1
			if i == n/2 && j == 0 {
				w = weight
			}
			fmt.Fprintf(&b, "  real_server \"10.%d.%d.%d\" { weight = %d }\n", 100+j, i>>8, i&255, w)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// BenchmarkReload is a reload of 1,000 virtual servers with ten real servers each
// by a supervisor with a checker role, up to the table that is wanted then. The
// router role and the kernel are not there.
func BenchmarkReload(b *testing.B) {
	texts := map[string][2]string{
		"comment": {manyServices(1000, 1), manyServices(1000, 1) + "# Another comment.\n"},
		"weight":  {manyServices(1000, 1), manyServices(1000, 17)},
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			file := filepath.Join(dir, "vipd.hcl")
			write := func(i int) {
				if err := os.WriteFile(file, []byte(text[i%2]), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			write(0)
			opt := Options{Files: []string{file}, RuntimeDir: dir, StateDir: dir, Log: io.Discard}
			files := newRecording().remembering()
			names := newResolver()
			cfg, diags := loadConfig(opt, files, names)
			if cfg == nil {
				b.Fatal(diags)
			}
			s, role := newSupervisor(opt, cfg, diags), newToldRole(b)
			s.names, s.checker.peer = names, role.supervisor
			s.keepRecording(cfg, files)
			defer s.tracks.manager.Close()
			if err := s.applyConfig(); err != nil {
				b.Fatal(err)
			}
			role.program()
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				write(i)
				if r := s.reloadConfig(b.Context(), reloadRequest{}); !r.OK {
					b.Fatal(r.Error, r.Diagnostics)
				}
				role.program()
			}
		})
	}
}
