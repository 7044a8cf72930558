// Package storm measures how steady many fast instances are, on a quiet and on
// a saturated machine. `make storm` runs it in full and writes docs/storm.md.
package storm
