// Package sim is a deterministic world around vrrp engines: virtual time,
// drifting clocks, a network that delays, loses and splits, and kernels whose
// addresses have lifetimes. The same seed and commands always give the same
// run, down to the byte. After every event the world checks what must never be
// violated; see check.go.
//
// Scenario files describe such a run; see scenario.go.
package sim
