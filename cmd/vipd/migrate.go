package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon"
)

// migration is the JSON form of `vipd migrate`.
type migration struct {
	OK     bool   `json:"ok"`
	Output string `json:"output,omitempty"` // file that was written
	HCL    string `json:"hcl,omitempty"`    // the text, when it was not written to a file
	// Carried counts the blocks that were carried over, by kind.
	Carried     map[string]int   `json:"carried_over,omitempty"`
	Diagnostics conf.Diagnostics `json:"diagnostics"`
	Next        []string         `json:"next,omitempty"` // commands to run now
}

func migrateCommand(c *common) *cobra.Command {
	var output, report string
	var how daemon.Migration
	cmd := &cobra.Command{
		Use:   "migrate FILE… | NAME=FILE NAME=FILE…",
		Short: "Convert the configuration of another program",
		Long: `Convert the configuration of another program to vipd's own language.

The text goes to standard output or to a new file, the report to standard
error: warnings tell what works differently or is left out, notes what needs no
equal. The text is read back first: it means the same as the files do when vipd
runs them as they are.

With NAME=FILE arguments the files of several nodes become one file with a
director block for each of them.

Exit status: 0 converted, 1 errors were found, 2 a file cannot be read or
written.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if report != "text" && report != "json" {
				return usage(fmt.Errorf("--report is text or json, not %q", report))
			}
			how.Format = conf.Format(c.format)
			made := convert(args, how)
			if made.Text != nil && output != "" {
				if err := writeNew(output, made.Text); err != nil {
					return usage(err)
				}
			}
			if err := reportMigration(cmd, c.json, report == "json", args, output, made); err != nil {
				return err
			}
			if code := diagnosticsExit(made.Diagnostics); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, which must not exist (default: standard output)")
	cmd.Flags().StringVar(&report, "report", "text", "form of the report on standard error: text or json")
	cmd.Flags().BoolVar(&how.Elsewhere, "elsewhere", false, "the files are of another machine: keep programs that do not exist here")
	c.formatFlag(cmd)
	c.jsonFlag(cmd)
	return cmd
}

// convert converts one configuration or those of several nodes.
func convert(args []string, how daemon.Migration) daemon.Converted {
	if nodes, several := daemon.ParseNodeFiles(args); several {
		return how.MigrateNodes(nodes)
	}
	return how.Migrate(args)
}

// writeNew writes a file that did not exist, in a directory that need not. It
// may hold passwords.
func writeNew(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write converted file: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: the file exists; choose another name or remove it", name)
	}
	if err != nil {
		return fmt.Errorf("write converted file: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write converted file: %w", err)
	}
	return nil
}

func reportMigration(cmd *cobra.Command, asJSON, reportJSON bool, files []string, output string, made daemon.Converted) error {
	text, diags := made.Text, made.Diagnostics
	m := migration{OK: text != nil, Carried: made.Blocks, Diagnostics: diags}
	if diags == nil {
		m.Diagnostics = conf.Diagnostics{}
	}
	switch {
	case text == nil:
	case output != "":
		m.Output = output
		m.Next = []string{"vipd check " + output, "vipd plan " + output}
	default:
		m.HCL = string(text)
		m.Next = []string{strings.Join(slices.Concat([]string{"vipd migrate"}, files, []string{"-o /etc/vipd/vipd.hcl"}), " ")}
	}
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	switch {
	case asJSON:
		return writeJSON(out, m)
	case reportJSON:
		fmt.Fprint(out, m.HCL)
		m.HCL = ""
		return writeJSON(errOut, m)
	}
	diags.Write(errOut)
	fmt.Fprint(out, m.HCL)
	if text == nil {
		fmt.Fprintln(errOut, "nothing was converted")
		return nil
	}
	fmt.Fprintln(errOut, summary(diags))
	fmt.Fprintln(errOut, "carried over: "+counted(made.Blocks))
	for _, next := range m.Next {
		fmt.Fprintln(errOut, "next: "+next)
	}
	return nil
}

// counted lists numbers of things by name.
func counted(count map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%d %s", count[name], name))
	}
	return strings.Join(out, ", ")
}

// summary counts the remarks of a migration that went well.
func summary(diags conf.Diagnostics) string {
	count := map[conf.Severity]int{}
	for _, d := range diags {
		count[d.Severity]++
	}
	if len(diags) == 0 {
		return "converted; everything has its equal"
	}
	return fmt.Sprintf("converted; %d warnings, %d notes", count[conf.Warning], count[conf.Note])
}
