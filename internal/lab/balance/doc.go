// Package balance tests whole directors in a guest with real IPVS: forwarding
// methods, operators' commands, drift, failover with connection sync.
package balance
