package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/vipd/vipd/internal/lab"
	"github.com/vipd/vipd/vrrp"
)

// patience is how long the story waits for something before it gives up; the
// claims have bounds of their own.
const patience = 15 * time.Second

// play tells the story, act by act.
func play(s *stage) {
	s.election()
	s.balancing()
	s.realServerDies()
	s.realServerReturns()
	s.directorDies()
	s.reload()
	s.directorReturns()
	s.stop()
}

// election starts both directors from one file. The worse one starts when the
// better one listens: their master-down times are 0.2 s apart, less than two
// processes may differ in starting on one slow CPU.
func (s *stage) election() {
	s.Logf("Starting vipd on lb1 (priority 150) and lb2 (priority 100), one file for both.")
	for i, lb := range s.lbs {
		s.vipds[i] = lb.Vipd(configuration([3]int{1, 1, 1}))
		lab.WaitFor(s, lb.Name+" listens", patience, func() error { return s.isIn(s.vipds[i], vrrp.StateBackup, vrrp.StateMaster) })
	}
	took := lab.WaitFor(s, "lb1 has the VIP", patience, func() error { return s.owners.Only(s.lbs[0]) })
	lab.WaitFor(s, "lb1 says that it is master", patience, func() error { return s.isIn(s.vipds[0], vrrp.StateMaster) })
	s.Logf("lb1 is master and has %s after %v.", vip, took.Round(time.Millisecond))
	s.within("election: the higher priority is master", took, masterDown(150)+2*slack)
	s.claim(len(s.owners.Spans(s.lbs[1])) == 0, "election: the other never had the VIP", "", "")
	for _, lb := range s.lbs {
		for i := range s.reals {
			lab.WaitFor(s, "all real servers are up", patience, func() error { return s.weight(lb, i, 1) })
		}
	}
}

// balancing sends requests through the VIP.
func (s *stage) balancing() {
	const requests = 90
	s.Logf("The client makes %d requests to %s, one every %v, each over a new connection.", requests, service, pace)
	load := s.client.Load(service, pace, requests)
	load.Wait()
	all := load.Stop()
	s.Logf("Answers: %v, lost: %d, slowest: %v.", all.By(), len(all.Lost()), all.Slowest().Round(time.Millisecond))
	fewest := requests
	for _, rs := range s.reals {
		fewest = min(fewest, all.By()[rs.Name])
	}
	s.claim(fewest >= requests/len(s.reals)-2, "balancing: requests of each of three equal real servers",
		fmt.Sprintf("≥ %d of %d", fewest, len(all)), fmt.Sprintf("≥ %d", requests/len(s.reals)-2))
	s.atMost("balancing: requests lost", len(all.Lost()), len(all), 0)
}

// realServerDies stops a real server under load.
func (s *stage) realServerDies() {
	s.Logf("Killing the web server of rs2 under load; its check: every %v, down after %d failures.", checkInterval, checkCount)
	load := s.client.Load(service, pace, most)
	time.Sleep(20 * pace)
	killed := time.Now()
	s.webs[1].Stop()
	took := lab.WaitFor(s, "weight of rs2 is 0", patience, func() error { return s.weight(s.lbs[0], 1, 0) })
	noticed := time.Now()
	time.Sleep(50 * pace)
	all := load.Stop()
	until, after := all.Between(killed.Add(-pace), noticed), all.Between(noticed, time.Now())
	s.Logf("rs2 has weight 0 after %v; %d requests lost until then, %d after it.", took.Round(time.Millisecond), len(until.Lost()), len(after.Lost()))
	s.within("real server killed: weight 0", took, checkBound)
	s.atMost("real server killed: requests lost until then (its share)", len(until.Lost()), len(until), len(until)/3+2)
	s.atMost("real server killed: requests lost after it", len(after.Lost()), len(after), 0)
}

// realServerReturns starts it again.
func (s *stage) realServerReturns() {
	s.Logf("Starting the web server of rs2 again.")
	s.webs[1].Start()
	took := lab.WaitFor(s, "weight of rs2 is 1", patience, func() error { return s.weight(s.lbs[0], 1, 1) })
	load := s.client.Load(service, pace, 30)
	load.Wait()
	all := load.Stop()
	s.Logf("rs2 has its weight back after %v; answers: %v.", took.Round(time.Millisecond), all.By())
	s.within("real server back: weight restored", took, checkBound)
	s.claim(all.By()["rs2"] > 0 && len(all.Lost()) == 0, "real server back: serves again, requests lost",
		fmt.Sprintf("%d of %d", len(all.Lost()), len(all)), "≤ 0")
}

// directorDies kills every process of the master at once.
func (s *stage) directorDies() {
	lease := s.status(s.vipds[0]).Instances[0].LeaseTime
	pids := s.vipds[0].Tree()
	s.Logf("Killing all %d vipd processes of lb1 with SIGKILL under load, children first; its VIP has a lease of %v.", len(pids), lease)
	load := s.client.Load(service, pace, most)
	time.Sleep(20 * pace)
	killed := time.Now()
	s.vipds[0].Kill()
	lab.WaitFor(s, "lb2 has the VIP", patience, func() error {
		if slices.Contains(s.owners.Owners(), "lb2") {
			return nil
		}
		return errors.New("lb2 does not have it")
	})
	takeover := s.owners.Spans(s.lbs[1])[0].Start
	s.Logf("lb2 has the VIP after %v.", takeover.Sub(killed).Round(time.Millisecond))
	lab.WaitFor(s, "the dead director loses the VIP", lease+patience, func() error { return s.owners.Only(s.lbs[1]) })
	gone := s.owners.Spans(s.lbs[0])[0].End
	s.Logf("The kernel of lb1 removed the VIP by itself %v after the kill.", gone.Sub(killed).Round(time.Millisecond))
	time.Sleep(50 * pace)
	all := load.Stop()
	all = all.Between(killed.Add(-pace), time.Now())
	s.Logf("Requests lost from the kill on: %d of %d; slowest answer: %v.", len(all.Lost()), len(all), all.Slowest().Round(time.Millisecond))
	s.within("director killed: backup has the VIP", takeover.Sub(killed), masterDown(100)+slack)
	s.within("director killed: the dead one's VIP vanished", gone.Sub(killed), lease+2*slack)
	s.fact("director killed: both had it for", seconds(s.owners.Overlap()))
	s.atMost("director killed: requests lost", len(all.Lost()), len(all), switchLoss)
}

// reload changes one weight in the file of the new master.
func (s *stage) reload() {
	lb, v := s.lbs[1], s.vipds[1]
	s.Logf("Changing the weight of rs3 from 1 to 3 in the file of lb2, then SIGHUP.")
	lab.WaitFor(s, "lb2 says that it is master", patience, func() error { return s.isIn(v, vrrp.StateMaster) })
	before, tableBefore, log := s.status(v), lb.IPVS(), len(v.Log())
	v.Reload(configuration([3]int{1, 1, 3}))
	took := lab.WaitFor(s, "weight of rs3 is 3", patience, func() error { return s.weight(lb, 2, 3) })
	time.Sleep(2 * checkInterval) // anything else would show by now
	after, tableAfter := s.status(v), lb.IPVS()
	ops := operations(v.Log()[log:])
	s.Logf("The kernel has it after %v: %d IPVS operation, %d differences in the table.", took.Round(time.Millisecond), ops, differences(tableBefore, tableAfter))
	s.within("reload: new weight in the kernel", took, 2*slack)
	s.claim(ops == 1 && differences(tableBefore, tableAfter) == 1, "reload: IPVS operations", fmt.Sprint(ops), "= 1")
	transitions := after.Instances[0].Counters.TransitionsTo["master"] - before.Instances[0].Counters.TransitionsTo["master"]
	same := after.Instances[0].Since.Equal(before.Instances[0].Since) && after.PID == before.PID && s.owners.Only(lb) == nil
	s.claim(transitions == 0 && same, "reload: transitions", fmt.Sprint(transitions), "= 0")

	load := s.client.Load(service, pace, 50)
	load.Wait()
	all := load.Stop()
	s.Logf("Answers: %v.", all.By())
	s.claim(all.By()["rs3"] >= 28 && len(all.Lost()) == 0, "reload: requests of rs3, three of five",
		fmt.Sprintf("%d of %d", all.By()["rs3"], len(all)), "≥ 28")
}

// directorReturns starts the dead director again: being better, it takes over,
// but not before its checks are done and it has listened.
func (s *stage) directorReturns() {
	s.Logf("Starting vipd on lb1 again under load.")
	load := s.client.Load(service, pace, most)
	s.vipds[0] = s.lbs[0].Vipd(configuration([3]int{1, 1, 3}))
	took := lab.WaitFor(s, "lb1 alone has the VIP", patience, func() error { return s.owners.Only(s.lbs[0]) })
	time.Sleep(50 * pace)
	all := load.Stop()
	s.Logf("lb1 is master again after %v; requests lost: %d of %d.", took.Round(time.Millisecond), len(all.Lost()), len(all))
	s.within("director back: it has the VIP", took, 2*masterDown(150)+2*slack)
	s.atMost("director back: requests lost", len(all.Lost()), len(all), switchLoss)
}

// stop ends the master in the orderly way.
func (s *stage) stop() {
	lb, v := s.lbs[0], s.vipds[0]
	s.Logf("Stopping vipd on lb1 with SIGTERM.")
	since := time.Now()
	v.Signal(syscall.SIGTERM)
	status, err := v.Wait(patience)
	took := time.Since(since)
	if err != nil {
		s.Fatalf("stop: %v", err)
	}
	var last uint8 = 255
	if adverts := s.wire.Adverts(lb, since); len(adverts) > 0 {
		last = adverts[len(adverts)-1].Priority
	}
	clean := !lb.Holds(netip.MustParseAddr(vip)) && len(lb.IPVS()) == 0
	s.Logf("It ended with status %d after %v; its last advert had priority %d; VIP and IPVS table gone: %t.", status, took.Round(time.Millisecond), last, clean)
	s.within("stop: daemon has ended", took, time.Second)
	s.claim(status == 0 && last == 0 && clean, "stop: status 0, priority 0 sent, VIP and table gone", fmt.Sprint(status == 0 && last == 0 && clean), "= true")
}
