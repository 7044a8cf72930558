// Package worlds holds no code: its tests run scenarios of testdata/scenarios
// with the built binary in network namespaces, and with keepalived in place of
// one director.
package worlds
