package healthcheck

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// Dedup returns the distinct keys in the order of CompareKeys: the probes to
// run when several services want the same ones.
func Dedup(keys []Key) []Key {
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, CompareKeys)
	return slices.Compact(sorted)
}

// CompareKeys orders keys by target, then by settings and timing. It returns
// 0 for equal keys only.
func CompareKeys(a, b Key) int {
	return cmp.Or(
		a.Target.Compare(b.Target),
		compareSettings(a.Settings, b.Settings),
		cmp.Compare(a.Timing.Interval, b.Timing.Interval),
		cmp.Compare(a.Timing.Rise, b.Timing.Rise),
		cmp.Compare(a.Timing.Fall, b.Timing.Fall),
	)
}

func compareSettings(a, b Settings) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Timeout, b.Timeout),
		cmp.Compare(a.Method, b.Method),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.VirtualHost, b.VirtualHost),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Expect, b.Expect),
		cmp.Compare(a.SNI, b.SNI),
		compareBool(a.VerifyTLS, b.VerifyTLS),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// seeds returns two independent hashes of a key, the same in every process
// and on every director.
func (k Key) seeds() (first, phase uint64) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %#v %#v", k.Target, k.Settings, k.Timing))
	return binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
}
