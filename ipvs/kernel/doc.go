// Package kernel brings the table that package ipvs decided on into the
// kernel, over generic netlink. Client is the connection, Reconciler drives it
// and remembers, in a runtime record, what is ours to remove.
package kernel
