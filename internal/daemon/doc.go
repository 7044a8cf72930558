// Package daemon puts vipd together: a supervisor and its two roles, router
// (VRRP engine, sockets, addresses) and checker (probes and IPVS). It is the
// only package that knows all others.
//
// The roles are processes of the same binary connected to the supervisor by
// inherited socketpairs, so that a busy checker cannot delay an advert and
// the crash of one role does not touch the other. Losing the link is how each
// side learns that the other one died.
package daemon
