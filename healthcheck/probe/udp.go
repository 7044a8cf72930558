package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/vipd/vipd/healthcheck"
)

// prepareUDP prepares a check that sends one datagram and waits for an answer.
// An ICMP error ends it at once: nobody listens, or nobody is there.
func prepareUDP(s healthcheck.Settings, _ Options) (check, error) {
	p := s.Params.(healthcheck.UDP)
	expect, err := optional(p.Expect)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, err := connectUDP(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		defer limit(ctx, conn)()
		defer a.enter(phaseAnswer, &a.result.First)()
		if _, err := conn.Write([]byte(p.Send)); err != nil {
			return "", err
		}
		buf := make([]byte, 64<<10)
		n, err := conn.Read(buf)
		switch {
		case err != nil && p.Silent && timedOut(err) && !errors.Is(ctx.Err(), context.Canceled):
			return "no error came back", nil
		case err != nil:
			return "", err
		case n < p.MinLength, p.MaxLength > 0 && n > p.MaxLength:
			return "", &failure{healthcheck.ClassBody, fmt.Sprintf("answer of %d bytes", n)}
		case expect != nil && !expect.Match(buf[:n]):
			return "", &failure{healthcheck.ClassBody, mismatch(p.Expect, "answer", buf[:n])}
		}
		return fmt.Sprintf("answer of %d bytes", n), nil
	}, nil
}
