package vrrp

import "net/netip"

// remark is the last report of a kind, kept so that a lasting condition is
// reported once and again only when it changes.
type remark struct {
	peer  netip.Addr
	value uint64
}

// remarkOn reports a condition of a neighbour unless it is the one already
// reported. value stands for what was found.
func (r *router) remarkOn(kind ReportKind, from neighbour, value uint64, detail string) {
	now := remark{from.addr, value}
	if last, ok := r.remarks[kind]; ok && last == now {
		return
	}
	r.remarks[kind] = now
	r.report(kind, from.addr, detail)
}

// forgetRemark tells that the condition is over.
func (r *router) forgetRemark(kind ReportKind) {
	if len(r.remarks) > 0 {
		delete(r.remarks, kind)
	}
}

// hash is FNV-1a, good enough to tell one address list from the next.
func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
