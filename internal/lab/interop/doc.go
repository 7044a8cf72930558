// Package interop tests vipd against a real keepalived: each as master and as
// backup of the other, in versions 2 and 3. It holds no code of its own.
package interop
