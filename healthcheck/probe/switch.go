package probe

import (
	"context"

	"github.com/vipd/vipd/healthcheck"
)

// prepareOn prepares the check that is always content.
func prepareOn(healthcheck.Settings, Options) (check, error) {
	return func(context.Context, *attempt) (string, error) { return "on by configuration", nil }, nil
}

// prepareOff prepares the check that never is.
func prepareOff(healthcheck.Settings, Options) (check, error) {
	return func(context.Context, *attempt) (string, error) {
		return "", &failure{healthcheck.ClassStatus, "off by configuration"}
	}, nil
}
