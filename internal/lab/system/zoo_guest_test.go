//go:build !race

package system

import (
	"os"
	"testing"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/lab"
)

// tableBytes is the kernel's table as the kernel shows it, read in one piece: see
// lab.Host.IPVS.
func tableBytes(t *testing.T, h *lab.Host) (out string) {
	t.Helper()
	err := h.Do(func() error {
		f, err := os.Open("/proc/thread-self/net/ip_vs")
		if err != nil {
			return err
		}
		defer f.Close()
		page := make([]byte, os.Getpagesize())
		n, err := f.Read(page)
		out = string(page[:n])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every bad file there is leaves the IPVS table as it was, byte for byte.
func testBadFilesLeaveTheTable(t *testing.T) {
	b := newBalancer(t)
	v := b.start(services("", ""))
	before, status := tableBytes(t, b.lb), b.status(v)
	eachBadFile(t, v, func(name string, diags conf.Diagnostics) {
		refuse(t, v, name, diags)
		if now := tableBytes(t, b.lb); now != before {
			t.Fatalf("%s: the table was\n%s\nis\n%s", name, before, now)
		}
	})
	for i, rs := range b.status(v).RealServers {
		if was := status.RealServers[i]; rs.Verdict != was.Verdict || !rs.Since.Equal(was.Since) {
			t.Errorf("real server %s is %v since %s, was %v since %s", rs.Address, rs.Verdict, rs.Since, was.Verdict, was.Since)
		}
	}
}
