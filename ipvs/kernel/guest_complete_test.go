package kernel

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/ipvs"
	"github.com/vipd/vipd/ipvs/ipvstest"
)

// Everything that a service and a destination can be, as ipvsadm sees it and
// as it is read back.
func testEverything(t *testing.T, d *director) {
	want := ipvstest.MustTable(
		"fwmark 7 wrr", "192.0.2.1:0 1 direct",
		"fwmark6 7 rr", "[2001:db8::1]:0 1 direct",
		"sctp 192.0.2.9:3868 rr", "192.0.2.1:3868 2 masquerade",
		"tcp 192.0.2.9:0 rr", "192.0.2.1:0 1 direct",
		"tcp 192.0.2.9:80 sh", "192.0.2.1:80 1 direct", "192.0.2.2:80 1 direct",
		"tcp 192.0.2.9:81 mh", "192.0.2.1:81 1 direct",
		"tcp [2001:db8::9]:80 wlc", "[2001:db8::1]:8080 1 masquerade", "192.0.2.1:80 1 tunnel",
		"tcp 192.0.2.9:82 rr", "192.0.2.1:82 1 tunnel", "192.0.2.2:82 1 tunnel", "192.0.2.3:82 1 tunnel", "[2001:db8::1]:82 1 tunnel",
		"udp 192.0.2.9:5060 rr", "192.0.2.1:5060 1 masquerade",
	)
	service := func(i int) *ipvs.Service { return &want[i].Service }
	dest := func(i, j int) *ipvs.Destination { return &want[i].Destinations[j] }
	service(3).Persistent = time.Minute
	service(4).SchedulerFlags = ipvs.SchedulerFlag1 | ipvs.SchedulerFlag2
	dest(4, 0).UpperThreshold, dest(4, 0).LowerThreshold = 100, 50
	service(5).SchedulerFlags = ipvs.SchedulerFlag2
	service(6).Persistent, service(6).Granularity = 2*time.Minute, 64
	dest(7, 0).Tunnel = ipvs.TunnelSettings{Type: ipvs.GUE, Port: 6080, Flags: ipvs.Checksum}
	dest(7, 1).Tunnel = ipvs.TunnelSettings{Type: ipvs.GUE, Port: 6081, Flags: ipvs.RemoteChecksum}
	dest(7, 2).Tunnel = ipvs.TunnelSettings{Type: ipvs.GRE, Flags: ipvs.Checksum}
	service(8).Persistent, service(8).Granularity = 90*time.Second, 24
	if d.hasModule("ip_vs_pe_sip") {
		service(8).Engine = "sip"
	}
	d.reconcile(want)
	lines := strings.Join(d.saved(), "\n")
	for _, line := range []string{
		"-A -f 7 -s wrr", "-a -f 7 -r 192.0.2.1:0 -g -w 1",
		"-A -f 7 -6 -s rr", "-a -f 7 -6 -r [2001:db8::1]:0 -g -w 1",
		"-A --sctp-service 192.0.2.9:3868 -s rr", "-a --sctp-service 192.0.2.9:3868 -r 192.0.2.1:3868 -m -w 2",
		"-A -t 192.0.2.9:0 -s rr -p 60",
		"-A -t 192.0.2.9:80 -s sh -b sh-fallback,sh-port",
		"-A -t 192.0.2.9:81 -s mh -b mh-port",
		"-A -t [2001:db8::9]:80 -s wlc -p 120 -M 64", "-a -t [2001:db8::9]:80 -r [2001:db8::1]:8080 -m -w 1",
		"-a -t [2001:db8::9]:80 -r 192.0.2.1:80 -i -w 1 --tun-type ipip",
		"-a -t 192.0.2.9:82 -r 192.0.2.1:82 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
		"-a -t 192.0.2.9:82 -r 192.0.2.2:82 -i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum",
		"-a -t 192.0.2.9:82 -r 192.0.2.3:82 -i -w 1 --tun-type gre --tun-csum",
		"-a -t 192.0.2.9:82 -r [2001:db8::1]:82 -i -w 1 --tun-type ipip",
		"-A -u 192.0.2.9:5060 -s rr -p 90 -M 255.255.255.0",
	} {
		if !strings.Contains(lines+"\n", line) {
			t.Errorf("no line %q in\n%s", line, lines)
		}
	}
	if out := d.run("ipvsadm", "-L", "-n", "--thresholds"); !regexp.MustCompile(`192\.0\.2\.1:80 +100 +50 `).MatchString(out) {
		t.Errorf("thresholds are not in %s", out)
	}
	if have, err := d.client.Table(); err != nil || !have.Equal(want) {
		t.Errorf("read back %v\n got %+v\nwant %+v", err, have, want)
	}
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	d.expect()
}

// A persistence engine that the kernel lacks is named; with the module it is
// written, read back, edited and taken away.
func testPersistenceEngine(t *testing.T, d *director) {
	table := func(engine string) ipvs.Table {
		want := ipvstest.MustTable("udp 192.0.2.9:5060 rr", "192.0.2.1:5060 1 masquerade")
		want[0].Service.Persistent, want[0].Service.Engine, want[0].Service.OnePacket = time.Minute, engine, true
		return want
	}
	if !d.hasModule("ip_vs_pe_sip") {
		_, err := d.rec.Reconcile(table("sip"))
		if err == nil || !strings.Contains(err.Error(), "ip_vs_pe_sip") {
			t.Errorf("error %v does not name the module", err)
		}
		d.expect()
		return
	}
	d.reconcile(table("sip"))
	if !strings.Contains(strings.Join(d.saved(), "\n"), "--pe sip") {
		t.Errorf("no engine in %q", d.saved())
	}
	d.reconcile(table(""))
	d.reconcile(table("sip"))
	if have, err := d.client.Table(); err != nil || !have.Equal(table("sip")) {
		t.Errorf("read back %+v, %v", have, err)
	}
}

// hasModule tries to load a module of the guest.
func (d *director) hasModule(name string) bool {
	d.t.Helper()
	return moduleLoaded(d.t, name) || lab.LoadModule(name)
}

// What others do is found and undone, their own services stay.
func testDrift(t *testing.T, d *director) {
	want := ipvstest.MustTable("tcp 192.0.2.9:80 rr", "192.0.2.1:80 3 direct", "192.0.2.2:80 3 direct", "fwmark 7 rr", "192.0.2.1:0 1 direct")
	d.reconcile(want)
	before := d.saved()
	for _, tt := range []struct {
		commands []string
		drift    []string
		foreign  string
	}{
		{[]string{"-e -t 192.0.2.9:80 -r 192.0.2.1:80 -g -w 77"}, []string{"set weight 77 on 192.0.2.1:80 of tcp 192.0.2.9:80 (was 3)"}, ""},
		{[]string{"-d -t 192.0.2.9:80 -r 192.0.2.1:80"}, []string{"remove 192.0.2.1:80 from tcp 192.0.2.9:80"}, ""},
		{[]string{"-D -f 7"}, []string{"remove fwmark 7"}, ""},
		{[]string{"-E -t 192.0.2.9:80 -s wlc"}, []string{"edit tcp 192.0.2.9:80: scheduler from rr to wlc"}, ""},
		{[]string{"-C"}, []string{"remove tcp 192.0.2.9:80", "remove fwmark 7"}, ""},
		{[]string{"-A -t 192.0.2.9:99 -s rr", "-A -f 99 -s rr"}, nil, "tcp 192.0.2.9:99"},
	} {
		d.ipvsadm(tt.commands...)
		rep, err := d.rec.Verify(func(ipvs.Table) ipvs.Table { return want.Clone() })
		if err != nil {
			t.Fatal(err)
		}
		got := texts(rep.Drift)
		for _, line := range tt.drift {
			if !strings.Contains(strings.Join(got, "\n"), line) {
				t.Errorf("%q: drift %q lacks %q", tt.commands, got, line)
			}
		}
		if len(tt.drift) != len(got) {
			t.Errorf("%q: drift %q, want %q", tt.commands, got, tt.drift)
		}
		if tt.foreign == "" {
			if after := d.saved(); strings.Join(after, "\n") != strings.Join(before, "\n") {
				t.Errorf("%q: not repaired: %q", tt.commands, after)
			}
			continue
		}
		if len(rep.Foreign) != 2 || len(rep.Done) != 0 {
			t.Errorf("foreign %v, done %v", rep.Foreign, rep.Done)
		}
	}
}

// Daemons start, stop and flap without a hang, and read back as they are.
func testSyncDaemons(t *testing.T, d *director) {
	d.run("ip", "link", "add", "sync0", "type", "dummy")
	d.run("ip", "address", "add", "198.51.100.1/24", "dev", "sync0")
	d.run("ip", "link", "set", "sync0", "up", "multicast", "on")
	want := ipvs.SyncDaemon{State: ipvs.SyncMaster, SyncSettings: ipvs.SyncSettings{Interface: "sync0", ID: 51}}
	if err := d.client.StartSync(want); err != nil {
		t.Fatal(err)
	}
	custom := ipvs.SyncDaemon{State: ipvs.SyncBackup, SyncSettings: ipvs.SyncSettings{
		Interface: "sync0", ID: 52, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 3, MaxLen: 1200}}
	if err := d.client.StartSync(custom); err != nil {
		t.Fatal(err)
	}
	have, err := d.client.SyncDaemons()
	if stop, start := ipvs.DiffSync(have, []ipvs.SyncDaemon{want, custom}, nil); err != nil || len(stop)+len(start) > 0 {
		t.Errorf("running %+v, %v", have, err)
	}
	if out := d.run("ipvsadm", "-l", "--daemon"); !strings.Contains(out, "master sync daemon (mcast=sync0, syncid=51") ||
		!strings.Contains(out, "backup sync daemon (mcast=sync0, syncid=52, maxlen=1200, group=224.0.0.99, port=9000, ttl=3") {
		t.Errorf("ipvsadm says %q", out)
	}
	for _, s := range []ipvs.SyncState{ipvs.SyncMaster, ipvs.SyncBackup, ipvs.SyncMaster} { // the last one runs no more
		if err := d.client.StopSync(s); err != nil {
			t.Errorf("stop %s: %v", s, err)
		}
	}
	began := time.Now()
	for range 10 { // the kernel does not answer all of these
		if err := d.client.StartSync(want); err != nil {
			t.Fatal(err)
		}
		if err := d.client.StopSync(ipvs.SyncMaster); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ten flaps took %s", time.Since(began))
	if have, err := d.client.SyncDaemons(); err != nil || len(have) > 0 {
		t.Errorf("still running %+v, %v", have, err)
	}
	bad := want
	bad.Interface = "nosuch0"
	if err := d.client.StartSync(bad); err == nil || !strings.Contains(err.Error(), "no such interface") {
		t.Errorf("daemon on a missing interface: %v", err)
	}
}

func testTimeouts(t *testing.T, d *director) {
	before, err := d.client.Timeouts()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.rec.SetTimeouts(d.client, ipvs.Timeouts{TCP: 77 * time.Second, UDP: 11 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if out := d.run("ipvsadm", "-l", "--timeout"); !strings.Contains(out, "77 ") || !strings.Contains(out, " 11") {
		t.Errorf("ipvsadm says %q", out)
	}
	if err := d.rec.RemoveOurs(); err != nil {
		t.Fatal(err)
	}
	if now, err := d.client.Timeouts(); err != nil || now != before {
		t.Errorf("timeouts %+v, %v, before %+v", now, err, before)
	}
}
