// Package matrix breaks the master of two directors in every way there is, and
// measures what a client notices: vipd beside keepalived, with real IPVS. `make
// matrix` writes docs/failure-modes.md; a short form is part of every test run.
package matrix
