// Package rules holds no code: its tests keep the tree to the rules of
// docs/architecture.md, who may import whom and how long things may grow.
package rules
