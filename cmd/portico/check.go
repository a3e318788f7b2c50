package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

func checkCommand() *cobra.Command {
	var load func() (Config, error)
	var output string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check everything that the store holds, also while a server runs on it; it changes nothing",
		Long: `Check reads every version, index row and record of the store and tells each fault in a line, with partition, resource and version.
Exit code 0: the store is sound. 1: there are faults. 2: it could not be opened, or not be read to its end.

Index entries are compared with those that the settings of serve make: give it the same base-url, resources, search-parameters and text-search.
With --output json each line is an object: the faults, and at last the summary.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output: %q is not text or json", output)
			}
			config, err := load()
			if err != nil {
				return err
			}
			r := &checkReport{w: cmd.OutOrStdout(), json: output == "json", Store: storeName(config.Store)}
			if err := r.check(cmd.Context(), config); err != nil {
				return err
			}
			if !r.Sound {
				return exit{code: exitRefused}
			}
			return nil
		},
	}
	load = storeSettings(cmd.Flags())
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// checkReport is what is told of a check, and its summary in JSON.
type checkReport struct {
	w    io.Writer
	json bool
	lost error // the first line that could not be written

	Store     string  `json:"store"`
	Sound     bool    `json:"sound"`
	Faults    int64   `json:"faults"`
	Resources int64   `json:"resources"`
	Versions  int64   `json:"versions"`
	Entries   int64   `json:"entries"`
	Records   int64   `json:"records"`
	Compared  bool    `json:"compared"` // index entries with bodies
	Seconds   float64 `json:"seconds"`
}

// faultLine is a fault in JSON.
type faultLine struct {
	Partition string `json:"partition,omitempty"`
	Type      string `json:"type,omitempty"`
	ID        string `json:"id,omitempty"`
	Version   int64  `json:"version,omitempty"`
	Fault     string `json:"fault"`
}

// check opens the store to read, has it checked and tells of it.
func (r *checkReport) check(ctx context.Context, c Config) error {
	began := time.Now()
	rules, err := indexRules(c)
	if err != nil {
		return err
	}
	store, err := openToRead(ctx, c, rules)
	if err != nil {
		return err
	}
	looked, compared, err := engine.Check(ctx, store, rules, r.fault)
	if err := errors.Join(err, store.Close()); err != nil {
		return storeFault(c.Store, "could not be read to its end", err)
	}
	r.Resources, r.Versions, r.Entries, r.Records = looked.Resources, looked.Versions, looked.Entries, looked.Records
	r.Sound, r.Compared, r.Seconds = r.Faults == 0, compared, time.Since(began).Seconds()
	r.summary()
	return r.lost
}

// fault tells a fault as soon as it is found.
func (r *checkReport) fault(f storage.Fault) {
	r.Faults++
	if r.json {
		r.line(faultLine{string(f.Partition), f.Key.Type, f.Key.ID, f.Number, f.Detail})
	} else {
		r.print("%s\n", f)
	}
}

func (r *checkReport) summary() {
	if r.json {
		r.line(r)
		return
	}
	if !r.Compared {
		r.print("The index entries were made by other settings (base-url, resources, search-parameters, text-search), by another release, or are being made anew: they were compared with each other, not with the resources.\n")
	}
	found := fmt.Sprintf("%d faults", r.Faults)
	switch r.Faults {
	case 0:
		found = "sound"
	case 1:
		found = "one fault"
	}
	r.print("%s: %s (resources %d, versions %d, index rows %d, records %d; %.1f s)\n", r.Store, found, r.Resources, r.Versions, r.Entries, r.Records, r.Seconds)
}

func (r *checkReport) line(v any) {
	if err := json.NewEncoder(r.w).Encode(v); r.lost == nil {
		r.lost = err
	}
}

func (r *checkReport) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); r.lost == nil {
		r.lost = err
	}
}
