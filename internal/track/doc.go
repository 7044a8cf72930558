// Package track observes what elections depend on outside of the router role:
// programs, pings, files, processes. It tells each change of state; what a
// state does to a priority is decided in package vrrp.
package track
