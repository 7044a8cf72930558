// Package system tests the built daemon as a whole on a real kernel: in
// network namespaces, and with IPVS in the guest. It holds no code of its own.
package system
