package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

func testServices(t *testing.T, d *director) {
	want := ipvstest.MustTable(
		"tcp 192.0.2.9:80 wlc", "192.0.2.1:80 0 direct", "192.0.2.2:8080 65535 masquerade", "192.0.2.3:80 1 tunnel", "127.0.0.1:80 1 direct",
		"tcp 192.0.2.9:443 rr",
		"udp 192.0.2.9:53 rr", "192.0.2.1:53 3 masquerade",
		"udp 192.0.2.9:514 sh", "192.0.2.1:514 1 direct",
		"tcp [2001:db8::9]:80 wrr", "[2001:db8::1]:80 7 direct",
	)
	want[1].Service.Persistent = 6 * time.Minute
	want[3].Service.OnePacket = true
	want[4].Service.Persistent = time.Second
	d.reconcile(want)
	d.expect(
		"-A -t 192.0.2.9:80 -s wlc",
		"-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 0",
		"-a -t 192.0.2.9:80 -r 192.0.2.2:8080 -m -w 65535",
		"-a -t 192.0.2.9:80 -r 192.0.2.3:80 -i -w 1 --tun-type ipip",
		"-a -t 192.0.2.9:80 -r 127.0.0.1:80 -g -w 1",
		"-A -t 192.0.2.9:443 -s rr -p 360",
		"-A -u 192.0.2.9:53 -s rr",
		"-a -u 192.0.2.9:53 -r 192.0.2.1:53 -m -w 3",
		"-A -u 192.0.2.9:514 -s sh -o",
		"-a -u 192.0.2.9:514 -r 192.0.2.1:514 -g -w 1",
		"-A -t [2001:db8::9]:80 -s wrr -p 1",
		"-a -t [2001:db8::9]:80 -r [2001:db8::1]:80 -g -w 7",
	)
	if have, err := d.client.Table(); err != nil || !have.Equal(want) {
		t.Errorf("read back %v\n got %+v\nwant %+v", err, have, want)
	}
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	d.expect()
}

// Every scheduler by name works, or says which module is missing.
func testSchedulers(t *testing.T, d *director) {
	for i, name := range ipvs.Schedulers {
		service := fmt.Sprintf("192.0.2.9:%d", 8000+i)
		_, err := d.rec.Reconcile(ipvstest.MustTable("tcp "+service+" "+name, "192.0.2.1:80 1 direct"))
		switch {
		case err == nil:
			d.expect("-A -t "+service+" -s "+name, "-a -t "+service+" -r 192.0.2.1:80 -g -w 1")
		case !moduleLoaded(t, "ip_vs_"+name) && strings.Contains(err.Error(), "modprobe ip_vs_"+name):
			t.Logf("%s: %v", name, err)
			d.expect()
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
}

func moduleLoaded(t *testing.T, name string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains("\n"+string(b), "\n"+name+" ")
}

func testNoScheduler(t *testing.T, d *director) {
	good := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct")
	bad := ipvstest.MustTable("tcp 192.0.2.9:81 nosuch", "192.0.2.1:81 1 direct")
	refused := func(want ipvs.Table, start string) {
		t.Helper()
		_, err := d.rec.Reconcile(want)
		if !errors.Is(err, unix.ENOENT) || !strings.HasPrefix(err.Error(), start) ||
			!strings.Contains(err.Error(), `kernel has no scheduler "nosuch": modprobe ip_vs_nosuch`) {
			t.Errorf("error %v, want %q…", err, start)
		}
		d.expect("-A -t 192.0.2.9:80 -s rr", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 1")
	}
	refused(join(bad, good), "add tcp 192.0.2.9:81 (nosuch): ")
	good[0].Service.Scheduler = "nosuch"
	refused(good, "edit tcp 192.0.2.9:80: scheduler from rr to nosuch: ")
}

// A table that is already right is not touched; weights that the checks do
// not know yet are the kernel's.
func testAdoption(t *testing.T, d *director) {
	d.ipvsadm(
		"-A -t 192.0.2.9:80 -s wlc -p 300",
		"-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 9",
		"-a -t 192.0.2.9:80 -r 192.0.2.2:80 -g -w 0",
	)
	cfg := ipvs.Config{
		Key: ipvstest.MustKey("tcp 192.0.2.9:80"), Scheduler: "wlc", Persistent: 5 * time.Minute, Quiescent: true,
		RealServers: []ipvs.RealServer{
			{Address: netip.MustParseAddrPort("192.0.2.1:80"), Weight: 3, Forward: ipvs.Direct},
			{Address: netip.MustParseAddrPort("192.0.2.2:80"), Weight: 3, Forward: ipvs.Direct},
		},
	}
	update := func(v ipvs.Verdict) (ops []string) {
		t.Helper()
		got, err := d.rec.Update(func(have ipvs.Table) ipvs.Table {
			verdict := func(netip.AddrPort) ipvs.Verdict { return v }
			return ipvs.NewPool(cfg).Decide(ipvs.Inputs{Verdict: verdict, Have: have.Find}).Entries
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range got {
			ops = append(ops, op.String())
		}
		return ops
	}
	d.expectOps(update(ipvs.Unknown))
	d.expectOps(update(ipvs.Up),
		"set weight 3 on 192.0.2.2:80 of tcp 192.0.2.9:80 (was 0)",
		"set weight 3 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 9)",
	)
	d.restart()
	d.expectOps(update(ipvs.Unknown))
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	d.expect()
}

// Attributes that vipd does not configure are seen and taken back in place.
func testAdoptionOfExtras(t *testing.T, d *director) {
	d.ipvsadm(
		"-A -t 192.0.2.9:80 -s sh -p 300 -M 255.255.255.0 -b sh-port",
		"-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 1 -x 100 -y 50",
		"-a -t 192.0.2.9:80 -r 192.0.2.2:80 -i -w 1 --tun-type gue --tun-port 6080",
	)
	want := ipvstest.MustTable("tcp 192.0.2.9:80 sh", "192.0.2.1:80 1 direct", "192.0.2.2:80 1 tunnel")
	want[0].Service.Persistent = 5 * time.Minute
	d.expectOps(d.reconcile(want),
		"edit tcp 192.0.2.9:80: scheduler flags from 0x10 to 0x0, persistence granularity from 24 to 0",
		"edit 192.0.2.1:80 of tcp 192.0.2.9:80: upper threshold from 100 to 0, lower threshold from 50 to 0",
		"edit 192.0.2.2:80 of tcp 192.0.2.9:80: tunnel type from gue to ipip, tunnel port from 6080 to 0",
	)
	d.expect(
		"-A -t 192.0.2.9:80 -s sh -p 300",
		"-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 1",
		"-a -t 192.0.2.9:80 -r 192.0.2.2:80 -i -w 1 --tun-type ipip",
	)
}

func testForeign(t *testing.T, d *director) {
	d.ipvsadm(
		"-A -t 192.0.2.77:25 -s lc -p 60 -M 255.255.255.0",
		"-a -t 192.0.2.77:25 -r 192.0.2.7:25 -m -w 5 -x 9",
		"-A -f 7 -s rr",
		"-a -f 7 -r 192.0.2.7:0 -g -w 1",
		"-A -t [2001:db8::77]:25 -s rr",
		"-A --sctp-service 192.0.2.77:99 -s rr",
	)
	before := d.saved()
	d.reconcile(ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct"))
	d.reconcile(nil)
	d.expect(before...)
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	d.expect(before...)
}

// A service that left the configuration while the daemon was down is removed,
// one that somebody else made meanwhile is not.
func testLeftWhileDown(t *testing.T, d *director) {
	stays := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct")
	leaves := ipvstest.MustTable("udp 192.0.2.9:53 rr", "192.0.2.1:53 1 direct")
	d.reconcile(join(stays, leaves))
	d.ipvsadm("-A -t 192.0.2.77:25 -s lc")
	d.restart()
	d.expectOps(d.reconcile(stays), "remove udp 192.0.2.9:53")
	d.expect("-A -t 192.0.2.9:80 -s rr", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 1", "-A -t 192.0.2.77:25 -s lc")
}

func testEditInPlace(t *testing.T, d *director) {
	want := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 1 direct")
	d.reconcile(want)
	want[0].Service.Scheduler = "wlc"
	want[0].Service.Persistent = 90 * time.Second
	want[0].Destinations[0].Forward = ipvs.Masquerade
	want[0].Destinations[0].Weight = 4
	d.expectOps(d.reconcile(want),
		"edit tcp 192.0.2.9:80: scheduler from rr to wlc, persistence from 0s to 1m30s",
		"edit 192.0.2.1:80 of tcp 192.0.2.9:80: weight from 1 to 4, forwarding from direct to masquerade",
	)
	d.expect("-A -t 192.0.2.9:80 -s wlc -p 90", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -m -w 4")
	want[0].Service.Persistent = 0
	d.expectOps(d.reconcile(want), "edit tcp 192.0.2.9:80: persistence from 1m30s to 0s")
	d.expect("-A -t 192.0.2.9:80 -s wlc", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -m -w 4")
}

// The real kernel gets from any table to any other like the simulated one.
func testAnyTable(t *testing.T, d *director) {
	rapid.Check(t, func(rt *rapid.T) {
		want := ipvstest.Tables().Draw(rt, "want")
		if _, err := d.rec.Reconcile(want); err != nil {
			rt.Fatal(err)
		}
		got, err := d.client.Table()
		if err != nil || !got.Equal(want) {
			rt.Fatalf("read back %v\n got %+v\nwant %+v", err, got, want)
		}
	})
}

// Somebody else may do at the same moment what we are about to do.
func testApplyToleratesOthers(t *testing.T, d *director) {
	want := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 3 direct")
	svc, dst := want[0].Service, want[0].Destinations[0]
	apply := func(k ipvs.Kind) {
		t.Helper()
		if err := d.client.Apply(ipvs.Op{Kind: k, Service: svc, Destination: dst}); err != nil {
			t.Error(err)
		}
	}
	d.ipvsadm("-A -t 192.0.2.9:80 -s lc", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -m -w 1")
	apply(ipvs.AddService)
	apply(ipvs.AddDestination)
	d.expect("-A -t 192.0.2.9:80 -s rr", "-a -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 3")
	for range 2 {
		apply(ipvs.RemoveDestination)
	}
	for range 2 {
		apply(ipvs.RemoveService)
	}
	apply(ipvs.RemoveDestination)
	if err := d.client.Apply(ipvs.Op{Kind: ipvs.SetWeight, Service: svc, Destination: dst}); !errors.Is(err, unix.ESRCH) {
		t.Errorf("weight of what is not there: %v", err)
	}
}

func testManyServices(t *testing.T, d *director) {
	var want ipvs.Table
	for i := range 500 {
		want = append(want, ipvstest.MustTable(fmt.Sprintf("tcp 10.1.%d.%d:80 wlc", i/250, i%250+1),
			"10.2.0.1:80 1 direct", "10.2.0.2:80 1 direct", "10.2.0.3:80 1 direct", "10.2.0.4:80 1 direct")...)
	}
	begin := time.Now()
	step := func(what string, operations int) {
		t.Helper()
		ops, err := d.rec.Reconcile(want)
		if err != nil || len(ops) != operations {
			t.Fatalf("%s: %d operations, want %d, %v", what, len(ops), operations, err)
		}
		t.Logf("%s: %s", what, time.Since(begin).Round(time.Millisecond))
		begin = time.Now()
	}
	step("500 services with 4 destinations", 2500)
	step("nothing to do", 0)
	want[400].Destinations[2].Weight = 0
	step("one weight", 1)
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	t.Logf("removal: %s", time.Since(begin).Round(time.Millisecond))
	d.expect()
}
