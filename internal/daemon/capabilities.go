package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// capability is a right that the daemon uses, and what it cannot do without it.
type capability struct {
	bit     uint
	name    string
	without string
}

// capabilities are all that the daemon uses, most important first.
var capabilities = []capability{
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "no virtual address, route or IPVS service can be added"},
	{unix.CAP_NET_RAW, "CAP_NET_RAW", "no advert can be sent or received, and no ping"},
	{unix.CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "checks cannot leave from ports below 1024"},
	{unix.CAP_SYS_NICE, "CAP_SYS_NICE", "the router role has no real-time priority"},
	{unix.CAP_IPC_LOCK, "CAP_IPC_LOCK", "the router role can be swapped out"},
	{unix.CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "the router role is not spared when memory runs out"},
	{unix.CAP_KILL, "CAP_KILL", "programs that run as other users cannot be ended"},
	{unix.CAP_SETUID, "CAP_SETUID", "programs cannot run as other users"},
	{unix.CAP_SETGID, "CAP_SETGID", "programs cannot run as other groups"},
}

// missingCapabilities says, one by one, what the daemon will not be able to do.
func missingCapabilities() ([]string, error) {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return nil, fmt.Errorf("read capabilities: %w", err)
	}
	var missing []string
	for _, c := range capabilities {
		if data[c.bit/32].Effective&(1<<(c.bit%32)) == 0 {
			missing = append(missing, c.name+" is missing: "+c.without)
		}
	}
	return missing, nil
}
