package api

import (
	"net/netip"

	"github.com/vipd/vipd/healthcheck"
)

// CheckQuery names the real servers of POST /v1/check-now.
type CheckQuery struct {
	Service    string
	RealServer string // address or address:port; empty = all of the service
}

// CheckResult is the outcome of one check that was carried out on demand.
type CheckResult struct {
	Service    string              `json:"service"`
	RealServer netip.AddrPort      `json:"real_server"`
	Name       string              `json:"name,omitempty"` // of a named check
	Kind       string              `json:"kind"`
	Target     string              `json:"target"`
	Verdict    healthcheck.Verdict `json:"verdict"` // with this result
	Result     healthcheck.Result  `json:"result"`
	Error      string              `json:"error,omitempty"` // why there is no result
	// History are the results that are kept, oldest first, this one included.
	History []healthcheck.Result `json:"history"`
}

// Failure is the answer to a request that could not be carried out.
type Failure struct {
	Error string `json:"error"`
}
