package daemon

import (
	"context"
	"net"

	"github.com/vipd/vipd/internal/netns"
)

// Interfaces returns the names of the interfaces in a network namespace, "" being
// the one that this process is in; nil when they cannot be told.
func Interfaces(namespace string) []string {
	var names []string
	err := netns.Do(namespace, func() error {
		all, err := net.Interfaces()
		for _, one := range all {
			names = append(names, one.Name)
		}
		return err
	})
	if err != nil {
		return nil
	}
	return names
}

// MailHost tells why a mail server is not known by its name.
func MailHost(host string) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpBound)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	return err
}
