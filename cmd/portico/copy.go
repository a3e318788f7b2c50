package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-health/portico/cmd/portico/transfer"
	"github.com/portico-health/portico/fhir/access"
)

func copyCommand() *cobra.Command {
	var load func() (Config, error)
	var from, to, output string
	cmd := &cobra.Command{
		Use:   "copy --from STORE --to STORE",
		Short: "Copy everything that a store holds into another one, of either kind, and compare them",
		Long: `Copy brings all versions with their numbers and times, and all records, into a store that is empty or that an earlier run began to fill, and then
compares everything. Left out are the keys that sign access tokens, so that whoever reads the copy signs none that the source takes: clients
get another token once they are refused. Credentials come with it, as hashes. It may be interrupted at any time: run it again, and it goes on. So the bulk can be copied while a server works on the source;
stop that, and run it once more. Nobody may work on the target meanwhile. The source is only read.
Exit code 0: both hold the same. 1: they differ. 2: a store cannot be had, or not all could be copied or compared.

Index entries are made by the settings of serve: give it the base-url, resources, search-parameters and text-search of the server that
is to work on the target; otherwise that makes them anew. With --output json each line is an object: the differences, and at last the summary.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := load()
			if err := errors.Join(copyFaults(from, to, output), err); err != nil {
				return err
			}
			r := &copyReport{w: cmd.OutOrStdout(), json: output == "json", From: storeName(from), To: storeName(to)}
			var progress io.Writer
			if f, ok := cmd.ErrOrStderr().(*os.File); ok && isTerminal(f) {
				progress = f
			}
			if err := r.copy(cmd.Context(), config, from, to, progress); err != nil {
				return err
			}
			if !r.Same {
				return exit{code: exitRefused}
			}
			return nil
		},
	}
	load = storeSettings(cmd.Flags())
	cmd.Flags().StringVar(&from, "from", "", "store that is copied, written as the setting store is")
	cmd.Flags().StringVar(&to, "to", "", "store that it is copied to")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// copyFaults says what is wrong with the flags.
func copyFaults(from, to, output string) error {
	var faults []error
	for flag, store := range map[string]string{"--from": from, "--to": to} {
		if store == "" {
			faults = append(faults, fmt.Errorf("%s: it names a store, sqlite:FILE or mongodb://HOST/DATABASE", flag))
		} else if fault := badStore(store); fault != "" {
			faults = append(faults, fmt.Errorf("%s: %s", flag, fault))
		}
	}
	if from == to && from != "" {
		faults = append(faults, errors.New("--to: it is the store that is copied"))
	}
	if output != "text" && output != "json" {
		faults = append(faults, fmt.Errorf("--output: %q is not text or json", output))
	}
	return errors.Join(faults...)
}

// copyReport is what is told of a copy, and its summary in JSON.
type copyReport struct {
	w    io.Writer
	json bool
	lost error // the first line that could not be written

	From string `json:"from"`
	To   string `json:"to"`
	Same bool   `json:"same"`
	transfer.Summary
}

// differenceLine is a difference in JSON.
type differenceLine struct {
	Partition  string `json:"partition,omitempty"`
	Type       string `json:"type,omitempty"`
	ID         string `json:"id,omitempty"`
	Version    int64  `json:"version,omitempty"`
	Difference string `json:"difference"`
}

// copy opens both stores, has the one copied into the other, and tells of it.
func (r *copyReport) copy(ctx context.Context, c Config, from, to string, progress io.Writer) (err error) {
	rules, err := indexRules(c)
	if err != nil {
		return err
	}
	o := transfer.Options{Rules: rules, Types: c.Resources, Own: []string{access.SigningRecord}, Progress: progress, Report: r.difference}
	c.Store = from
	if o.From, err = openToRead(ctx, c, rules); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.From.Close()) }()
	c.Store = to
	if o.To, err = openStore(ctx, c, rules, time.Now, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.To.Close()) }()
	r.Summary, err = transfer.Run(ctx, o)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted after %d versions; run it again, and it goes on", r.Copied)
	case err != nil:
		return fmt.Errorf("copied %d versions, but not to the end: %w", r.Copied, withoutSecretsOf(from, withoutSecretsOf(to, err)))
	}
	r.Same = r.Differences == 0
	r.summary()
	return r.lost
}

// difference tells a difference as soon as it is found.
func (r *copyReport) difference(d transfer.Difference) {
	if r.json {
		r.line(differenceLine{string(d.Partition), d.Key.Type, d.Key.ID, d.Number, d.Detail})
	} else {
		r.print("%s\n", d)
	}
}

func (r *copyReport) summary() {
	if r.json {
		r.line(r)
		return
	}
	if err := r.WriteText(r.w); r.lost == nil {
		r.lost = err
	}
	found := fmt.Sprintf("%d differences", r.Differences)
	switch r.Differences {
	case 0:
		found = "the same"
	case 1:
		found = "one difference"
	}
	r.print("%s -> %s: %s (copied %d; resources %d, versions %d, records %d; %.1f s)\n", r.From, r.To, found, r.Copied, r.Resources, r.Versions, r.Records, r.Seconds)
}

func (r *copyReport) line(v any) {
	if err := json.NewEncoder(r.w).Encode(v); r.lost == nil {
		r.lost = err
	}
}

func (r *copyReport) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); r.lost == nil {
		r.lost = err
	}
}
