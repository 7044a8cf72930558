package ipvs

import "net/netip"

// Counters are the kernel's totals since the service or destination was made.
// The kernel adds them up every two seconds (ip_vs_est.c), and never while
// net.ipv4.vs.run_estimation is 0.
type Counters struct {
	Connections uint64 `json:"connections"`
	PacketsIn   uint64 `json:"packets_in"`  // from clients
	PacketsOut  uint64 `json:"packets_out"` // to clients; masquerading only
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
}

// ServiceStats are the statistics of one service.
type ServiceStats struct {
	Key ServiceKey `json:"key"`
	Counters
	Destinations []DestinationStats `json:"destinations"`
}

// DestinationStats are the statistics of one destination of a service.
type DestinationStats struct {
	Address netip.AddrPort `json:"address"`
	// Active, Inactive and Persistent are connection entries right now:
	// established, in any other state, and persistence templates.
	Active     uint32 `json:"active"`
	Inactive   uint32 `json:"inactive"`
	Persistent uint32 `json:"persistent"`
	Counters
}
