package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/internal/daemon/api"
)

// upgradeBound is how long the new binary may take to answer.
const upgradeBound = 2 * time.Minute

func upgradeCommand(c *common) *cobra.Command {
	var binary string
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Let the running daemon go on as the binary that is installed now",
		Long: `Let the running daemon go on as the binary that is installed now, under the same
process id. The roles of the new binary take over first: sockets, elections,
verdicts and what is ours in the kernel; each verifies what it gets and begins at
a moment when no advert is due. Then the supervisor becomes the new binary. If
anything fails, the old binary goes on. SIGUSR2 does the same.

Exit status: 0 the new binary runs, 1 the old one goes on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/v1/upgrade"
			if binary != "" {
				absolute, err := filepath.Abs(binary)
				if err != nil {
					return usage(err)
				}
				path += "?binary=" + url.QueryEscape(absolute)
			}
			return c.upgrade(cmd.Context(), path, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&binary, "binary", "", "another binary than the installed one")
	return cmd
}

// upgrade asks for it. An answer means that it failed; its absence, that the
// process is another binary now, or the old one again, which is asked.
func (c *common) upgrade(ctx context.Context, path string, w io.Writer) error {
	began := time.Now()
	resp, err := c.client().do(ctx, http.MethodPost, path, nil)
	if errors.Is(err, errNoDaemon) {
		return err
	}
	if err == nil {
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return problem(fmt.Errorf("upgrade: the old binary goes on: %s", text))
	}
	for end := time.Now().Add(upgradeBound); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var st api.Status
		if _, err = c.client().ask(ctx, http.MethodGet, "/v1/status", nil, &st); err != nil || st.Upgrade.At.Before(began) {
			continue
		}
		if st.Upgrade.Error != "" {
			return problem(fmt.Errorf("upgrade: the old binary goes on: %s", st.Upgrade.Error))
		}
		fmt.Fprintf(w, "vipd %s took over from %s\n", st.Version, st.Upgrade.From)
		return nil
	}
	return problem(fmt.Errorf("upgrade: no daemon answers: %w", err))
}

// takeOverCommand is how a running daemon asks another binary whether it could
// go on with the daemon's command line; people have no use for it.
func takeOverCommand() *cobra.Command {
	var form int
	cmd := &cobra.Command{
		Use:    "take-over -- COMMAND LINE",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if code := executeWith(&common{rehearsal: form}, arguments(args)); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&form, "handover", 0, "form of the handover")
	cmd.MarkFlagRequired("handover")
	return cmd
}
