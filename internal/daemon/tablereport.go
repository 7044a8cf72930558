package daemon

import (
	"fmt"
	"time"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/ipvs"
	ipvskernel "github.com/vipd/vipd/ipvs/kernel"
)

// Bounds of what is told about one pass: a start with thousands of services
// is one event per service and a sum, not one per real server.
const (
	mostOps   = 100
	mostDrift = 20
	mostText  = 2000 // bytes of an error
)

// report tells what a pass did and found. Call with the mutex held.
func (w *tableWriter) report(rep ipvskernel.Report) {
	for _, op := range rep.Drift[:min(len(rep.Drift), mostDrift)] {
		w.source.send("warn", "drift", "changed by somebody else, repaired: "+op.String(), map[string]any{
			"op": op.Kind.String(), "service": op.Service.Key.String(),
		})
	}
	if n := len(rep.Drift); n > 0 {
		w.found.Drift += uint64(n)
		w.found.LastDrift, w.found.LastDriftAt = opTexts(rep.Drift, mostDrift), time.Now()
	}
	for _, op := range rep.Done[:min(len(rep.Done), mostOps)] {
		w.source.send("info", "ipvs", op.String(), map[string]any{"op": op.Kind.String(), "service": op.Service.Key.String()})
	}
	if n := len(rep.Done); n > mostOps {
		w.source.send("info", "ipvs", fmt.Sprintf("and %d more operations", n-mostOps), nil)
	}
}

func opTexts(ops []ipvs.Op, most int) []string {
	out := []string{}
	for _, op := range ops[:min(len(ops), most)] {
		out = append(out, op.String())
	}
	if len(ops) > most {
		out = append(out, fmt.Sprintf("and %d more", len(ops)-most))
	}
	return out
}

// shorten keeps thousands of refusals from filling the log.
func shorten(text string) string {
	if len(text) <= mostText {
		return text
	}
	return text[:mostText] + " …"
}

// verify reads and compares the table at once.
func (w *tableWriter) verify() api.Verify {
	rep, err := w.pass(true)
	out := api.Verify{Drift: opTexts(rep.Drift, mostOps), Repaired: opTexts(rep.Done, mostOps), Foreign: rep.Foreign}
	if err != nil {
		out.Error = err.Error()
		w.wake()
	}
	return out
}

// snapshot is the kernel's table and statistics for status.
type snapshot struct {
	table ipvs.Table
	stats []ipvs.ServiceStats
	ipvs  api.IPVS
	err   string
}

func (w *tableWriter) snapshot() snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := snapshot{ipvs: w.found, err: shorten(w.lastErr)}
	if w.client == nil {
		return out
	}
	if err := w.there(func() (err error) {
		out.table, out.stats, err = w.client.Snapshot()
		return err
	}); err != nil {
		out.err = err.Error()
	}
	owned := w.rec.Owned()
	out.ipvs.Foreign = nil
	for _, e := range out.table {
		if !owned[e.Service.Key] {
			out.ipvs.Foreign = append(out.ipvs.Foreign, e.Service.Key)
			continue
		}
		out.ipvs.Services++
		out.ipvs.Destinations += len(e.Destinations)
	}
	return out
}
