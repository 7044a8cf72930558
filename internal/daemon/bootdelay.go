package daemon

import (
	"time"

	"github.com/vipd/vipd/vrrp"
)

// delayAfterBoot lengthens the delay after the start of the daemon to what is
// left of the one after the boot of the machine.
func delayAfterBoot(routers []vrrp.Config, left time.Duration) {
	for i := range routers {
		routers[i].StartDelay = max(routers[i].StartDelay, left)
	}
}
