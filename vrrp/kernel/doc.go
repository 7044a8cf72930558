// Package kernel is the Linux side of VRRP: raw sockets, virtual addresses as
// kernel leases, gratuitous ARP, and what rtnetlink tells about interfaces
// and addresses. It decides nothing about elections; package runner joins it
// to the engine.
//
// Everything happens in the network namespace of the calling process.
package kernel
