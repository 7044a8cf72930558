package healthcheck

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
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
		compareTiming(a.Timing, b.Timing),
	)
}

// compareSettings orders by kind, then by anything that tells settings apart:
// the order of equal kinds has no meaning, but it is always the same.
func compareSettings(a, b Settings) int {
	if a == b {
		return 0
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.canonical(), b.canonical()))
}

func compareTiming(a, b Timing) int {
	return cmp.Or(
		cmp.Compare(a.Interval, b.Interval), cmp.Compare(a.Rise, b.Rise), cmp.Compare(a.Fall, b.Fall),
		cmp.Compare(a.Retry, b.Retry), cmp.Compare(a.DownInterval, b.DownInterval), cmp.Compare(a.Warmup, b.Warmup),
		cmp.Compare(a.Cheap, b.Cheap), cmp.Compare(a.Flaps, b.Flaps), cmp.Compare(a.FlapWindow, b.FlapWindow),
		cmp.Compare(a.Latency.Target, b.Latency.Target), cmp.Compare(a.Latency.Floor, b.Latency.Floor), cmp.Compare(a.Latency.Step, b.Latency.Step),
		compareBools(a.LogFailures, b.LogFailures), cmp.Compare(a.LogFile, b.LogFile),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// canonical writes everything that is in the settings.
func (s Settings) canonical() []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("healthcheck: settings of kind %s: %v", s.Kind, err))
	}
	return text
}

// sum returns a hash of a key, the same in every process and on every director.
func (k Key) sum() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s %s %#v", k.Target, k.Settings.canonical(), k.Timing))
}

// seed returns a hash of a key.
func (k Key) seed() uint64 {
	sum := k.sum()
	return binary.BigEndian.Uint64(sum[:])
}

// ID returns a short text that no other key has.
func (k Key) ID() string {
	sum := k.sum()
	return hex.EncodeToString(sum[:16])
}
