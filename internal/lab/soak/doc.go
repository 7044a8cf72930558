// Package soak lets a seeded script of everything that happens to directors go on
// for a long time, and looks at what is left over afterwards. `make soak` runs it
// for ten minutes with IPVS; a short form is part of every test run.
package soak
