package probe

import (
	"context"
	"fmt"
	"io"

	"github.com/vipd/vipd/healthcheck"
)

// prepareAgent prepares a check that lets the real server say how it is, in
// the words of HAProxy's agent-check.
func prepareAgent(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.Agent)
	return streamed(s, o, func(_ context.Context, t *stream) (string, error) {
		if err := t.send(string(p.Send)); err != nil {
			return "", err
		}
		t.a.phase = phaseAnswer
		text, err := t.partial()
		if err == io.EOF && text != "" {
			err = nil // the line's end may be that of the connection
		}
		if err != nil {
			return "", err
		}
		return t.a.take(text)
	}), nil
}

// take applies the words of an agent, a file or a script to the result.
func (a *attempt) take(text string) (string, error) {
	up, advice, reason, ok := healthcheck.ParseAdvice(text)
	switch {
	case !ok:
		return "", &failure{healthcheck.ClassProtocol, fmt.Sprintf("%q has no word such as up, down, drain or 75%%", shorten(text))}
	case !up && reason != "":
		return "", &failure{healthcheck.ClassStatus, "it says down: " + shorten(reason)}
	case !up:
		return "", &failure{healthcheck.ClassStatus, "it says down"}
	}
	a.result.Advice = advice
	if advice.Mode != healthcheck.AdviceNone {
		return "it says up, " + advice.String(), nil
	}
	return "it says up", nil
}
