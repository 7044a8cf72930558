// Package interop tests vipd against real keepalived and FRR routers: each as
// master and as backup of the other, in every version, family, way and kind of
// authentication that both know. It holds no code of its own.
package interop
