// Package scenario holds no code: its test runs every file of
// testdata/scenarios with the configuration reader of the daemon.
package scenario
