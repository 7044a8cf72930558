package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/internal/lab"
)

const (
	vip      = "192.0.2.100"
	service  = vip + ":80"
	patience = 60 * time.Second
	hosts    = 4 // with real servers
)

// stage is two directors, real servers and a client.
type stage struct {
	t      *testing.T
	net    *lab.Lab
	lbs    [2]*lab.Host
	vipds  [2]*lab.Vipd
	client *lab.Host
	webs   []*lab.WebServer
	// control is the address of a server behind no director.
	control string
	owners  *lab.Ownership
	ipvs    bool
	reals   int
	weight  int // of all real servers, which reloads change

	happened []happening
}

// happening is an event of the script.
type happening struct {
	at   time.Time
	host int
	name string
}

func newStage(t *testing.T, reals int) *stage {
	l := lab.New(t)
	l.Bridge("lan", "192.0.2.0/24")
	s := &stage{t: t, net: l, client: l.Host("client", "lan", "192.0.2.50/24"), ipvs: lab.HasIPVS(), reals: reals, weight: 1}
	for i := range s.lbs {
		s.lbs[i] = l.Host(fmt.Sprintf("lb%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", i+1))
	}
	for i := range hosts {
		rs := l.Host(fmt.Sprintf("rs%d", i+1), "lan", fmt.Sprintf("192.0.2.%d/24", 10+i))
		rs.ServeDirect(vip)
		s.webs = append(s.webs, rs.WebServer(":80", "alive\n"))
		for j := i + hosts; j < reals; j += hosts {
			if address := realAddress(j); address != vip {
				rs.AddAddress("eth0", address+"/24")
			}
		}
	}
	s.control = "192.0.2.40:80"
	l.Host("control", "lan", "192.0.2.40/24").WebServer(":80", "alive\n")
	s.owners = l.Ownership(vip, s.lbs[0], s.lbs[1])
	for i := range s.lbs {
		s.start(i)
	}
	s.settle()
	return s
}

// realAddress is the address of a real server; the first of each host are its
// own.
func realAddress(i int) string {
	if i < hosts {
		return fmt.Sprintf("192.0.2.%d", 10+i)
	}
	return fmt.Sprintf("192.0.2.%d", 50+i-hosts+1)
}

func (s *stage) start(i int) { s.vipds[i] = s.lbs[i].Vipd(s.config(i)) }

func (s *stage) config(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `version = 1
director "lb1" { address = "192.0.2.1" }
director "lb2" { address = "192.0.2.2" }
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  priority        = %d
  advert_interval = "200ms"
  virtual_address = ["%s/24"]
}
`, 150-50*i, vip)
	if !s.ipvs {
		return b.String()
	}
	fmt.Fprintf(&b, `virtual_server "web" {
  address   = "%s"
  scheduler = "wrr"
  forward   = "direct"
  check "tcp" {
    interval = "3s"
    timeout  = "2s"
  }
`, service)
	for j := range s.reals {
		if address := realAddress(j); address != vip {
			fmt.Fprintf(&b, "  real_server \"%s:80\" { weight = %d }\n", address, s.weight)
		}
	}
	return b.String() + "}\n"
}

// settle waits until lb1 serves alone and lb2 stands by, with whole tables.
func (s *stage) settle() {
	s.t.Helper()
	lab.WaitFor(s.t, "lb1 alone has the VIP", patience, func() error { return s.owners.Only(s.lbs[0]) })
	for i, v := range s.vipds {
		lab.WaitFor(s.t, "both directors are whole", patience, func() error { return s.whole(i, v) })
	}
}

func (s *stage) whole(i int, v *lab.Vipd) error {
	var st api.Status
	if err := v.Status(&st); err != nil {
		return err
	}
	spares := 0
	for _, r := range st.Roles {
		if !r.Running {
			return fmt.Errorf("%s runs no %s", s.lbs[i].Name, r.Name)
		}
		if r.Spare != 0 {
			spares++
		}
	}
	if spares != 1 {
		return fmt.Errorf("%s has %d spare processes", s.lbs[i].Name, spares)
	}
	if !s.ipvs {
		return nil
	}
	table, err := s.lbs[i].VirtualServer(service)
	if err != nil {
		return err
	}
	up, all := 0, 0
	for _, w := range table.Weights() {
		all++
		if w == s.weight {
			up++
		}
	}
	if all == 0 || up != all {
		return fmt.Errorf("%d of %d real servers of %s have their weight", up, all, s.lbs[i].Name)
	}
	return nil
}

// inventory is what could be left over.
type inventory struct {
	Processes, Descriptors, Threads int
	Goroutines                      int
	Services, Destinations          int
	Addresses                       int
	Files                           int // of the runtime directory
}

// look counts what a director has.
func (s *stage) look(i int) inventory {
	var v inventory
	for _, pid := range s.vipds[i].Tree() {
		v.Processes++
		v.Descriptors += entries(fmt.Sprintf("/proc/%d/fd", pid))
		v.Threads += entries(fmt.Sprintf("/proc/%d/task", pid))
	}
	var st api.Status
	if s.vipds[i].Status(&st) == nil {
		v.Goroutines = st.Goroutines
		for _, r := range st.Roles {
			v.Goroutines += r.Goroutines
		}
	}
	if s.ipvs {
		for _, service := range s.lbs[i].IPVS() {
			v.Services++
			v.Destinations += len(service.Weights())
		}
	}
	v.Addresses = len(s.lbs[i].Addresses())
	v.Files = entries(filepath.Join(s.vipds[i].Runtime))
	return v
}

func entries(dir string) int {
	all, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	return len(all)
}
