// Package vrrp decides who owns a virtual router. It is pure: it opens no
// socket, reads no clock and writes no log. Callers feed an Engine with events
// and the current time, and carry out the actions that come back.
//
// Terms are those of the field and of RFC 3768, 5798 and 9568: virtual router,
// VRID, advert, master, backup, skew time, master-down interval.
package vrrp
