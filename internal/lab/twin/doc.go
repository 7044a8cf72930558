// Package twin runs the same configuration under the daemon that it was
// written for and under vipd, and compares what they make of the machine.
package twin
