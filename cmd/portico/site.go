package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-health/portico/fhir/access"
)

func siteCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "site", Short: "Make sites, the tenants whose data never meet; list, activate and suspend them"}
	cmd.AddCommand(
		siteChangeCommand("create NAME", "Make a site; its test credentials work at once", "create site", access.Registry.CreateSite,
			"%s is there. Test credentials of it work; live ones when it is activated: portico site activate %[1]s\n"),
		siteListCommand(),
		siteChangeCommand("activate NAME", "Let the live credentials of a site work, and end a suspension", "activate site", access.Registry.ActivateSite,
			"%s is active: its test and live credentials work.\n"),
		siteChangeCommand("suspend NAME", "Stop all credentials of a site, until it is activated again", "suspend site", access.Registry.SuspendSite,
			"%s is suspended: none of its credentials works. It ends with: portico site activate %[1]s\n"),
	)
	return cmd
}

// siteChangeCommand does something to a site, and says so.
func siteChangeCommand(use, short, act string, do func(access.Registry, context.Context, string) (access.Site, error), said string) *cobra.Command {
	var load func() (Config, error)
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atDesk(cmd.Context(), load, func(d *desk) error {
				site, err := do(d.Registry, cmd.Context(), args[0])
				if err := d.done(cmd.Context(), act, site.Name, err); err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), said, site.Name)
				return err
			})
		},
	}
	load = storeSettings(cmd.Flags())
	return cmd
}

func siteListCommand() *cobra.Command {
	var load func() (Config, error)
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sites; with --output json an object a line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := outputFault(output); err != nil {
				return err
			}
			return atDesk(cmd.Context(), load, func(d *desk) error {
				sites, err := d.Sites(cmd.Context())
				if err != nil {
					return err
				}
				return writeSites(cmd.OutOrStdout(), sites, output)
			})
		},
	}
	load = storeSettings(cmd.Flags())
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

func writeSites(w io.Writer, sites []access.Site, output string) error {
	if output == "json" {
		return writeLines(w, sites)
	}
	table := newTable(w, "SITE", "WORKING", "CREATED")
	for _, s := range sites {
		table.row(s.Name, working(s), s.Created.UTC().Format(time.DateOnly))
	}
	return table.end()
}

// working says in a word or two which credentials of a site work.
func working(s access.Site) string {
	switch {
	case s.Suspended:
		return "suspended"
	case s.Active:
		return "test, live"
	default:
		return "test"
	}
}

// outputFault says what is wrong with the flag --output.
func outputFault(output string) error {
	if output != "text" && output != "json" {
		return fmt.Errorf("--output: %q is not text or json", output)
	}
	return nil
}

// writeLines writes each as an object of JSON in a line of its own.
func writeLines[T any](w io.Writer, all []T) error {
	lines := json.NewEncoder(w)
	for _, one := range all {
		if err := lines.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

// table is columns of text for a person.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer, names ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(names...)
	return t
}

func (t table) row(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }

// end writes the table. Its error is the first that there was.
func (t table) end() error { return t.Flush() }
