package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/cmd/portico/load"
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "portico",
		Short:         "A FHIR R4 server for booking and running clinical care tasks",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.AddCommand(serveCommand(std), siteCommand(), keyCommand(), loadCommand(std), demoCommand(), backupCommand(), checkCommand(), copyCommand(), configCommand(), versionCommand())
	return root
}

func serveCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server until SIGINT or SIGTERM",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadConfig(cmd.Flags(), environ)
			if err != nil {
				return fmt.Errorf("the configuration cannot be used:\n%w", err)
			}
			app := App{Config: config, Out: std.out, Log: newLog(std.err, config), Now: time.Now}
			return app.Run(cmd.Context())
		},
	}
	defineSettings(cmd.Flags())
	return cmd
}

func configCommand() *cobra.Command {
	printCmd := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration that serve would use, secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadConfig(cmd.Flags(), environ)
			if err != nil {
				return fmt.Errorf("the configuration cannot be used:\n%w", err)
			}
			config.Store = redact(config.Store)
			return printConfig(cmd.OutOrStdout(), config)
		},
	}
	defineSettings(printCmd.Flags())
	cmd := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	cmd.AddCommand(printCmd)
	return cmd
}

// printConfig writes the configuration in the form of its file.
func printConfig(w io.Writer, c Config) error {
	settings := map[string]any{
		"listen": c.Listen, "store": c.Store, "base-url": c.BaseURL, "resources": c.Resources, "search-parameters": c.SearchParameters, "text-search": c.TextSearch, "dev": c.Dev,
		"audit": string(c.Audit), "audit-keep": (*period)(&c.AuditKeep).String(),
		"log-level": c.LogLevel, "log-format": c.LogFormat, "grace": c.Grace.String(),
		"hold-time": c.HoldTime.String(), "search-budget": c.SearchBudget, "search-includes": c.SearchIncludes,
	}
	maps.Copy(settings, c.Network.settings())
	return yaml.NewEncoder(w).Encode(settings)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "portico", release())
			return err
		},
	}
}

func demoCommand() *cobra.Command {
	var opts demo.Options
	var at, out string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Write demo data of the United Kingdom: NDJSON on stdout, or a file for each type",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			day, err := time.Parse(time.DateOnly, at)
			if err != nil {
				return fmt.Errorf("--at: %q is no date; write it as 2026-01-31", at)
			}
			if opts.Patients < 1 {
				return errors.New("--patients: at least one")
			}
			opts.At = day
			if err := opts.Check(); err != nil {
				return err
			}
			if out != "" {
				return demo.WriteFiles(filepath.Clean(out), demo.Generate(opts))
			}
			return demo.WriteNDJSON(cmd.OutOrStdout(), demo.Generate(opts))
		},
	}
	cmd.Flags().IntVar(&opts.Patients, "patients", 500, "number of patients")
	cmd.Flags().Int64Var(&opts.Seed, "seed", 1, "the same seed makes the same data")
	cmd.Flags().StringVar(&at, "at", time.Now().UTC().Format(time.DateOnly), "the day around which the data lies")
	cmd.Flags().StringVar(&out, "out", "", "directory for a file for each type")
	return cmd
}

func loadCommand(std streams) *cobra.Command {
	var opts load.Options
	var output string
	cmd := &cobra.Command{
		Use:   "load FILE…",
		Short: "Load resources into a server: NDJSON, Bundles, single resources, directories, .gz, - for stdin",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output: %q is not text or json", output)
			}
			opts.Files, opts.Stdin = files, std.in
			if opts.Key == "" {
				opts.Key = os.Getenv(envKey)
			}
			if f, ok := std.err.(*os.File); ok && isTerminal(f) {
				opts.Progress = f
			}
			summary, err := load.Run(cmd.Context(), opts)
			if err := errors.Join(err, writeSummary(cmd.OutOrStdout(), summary, output)); err != nil {
				return err
			}
			if code := summary.ExitCode(); code != exitOK {
				return exit{code: code}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&opts.URL, "url", "http://127.0.0.1:8080/fhir", "FHIR base of the server")
	cmd.Flags().StringVar(&opts.Key, "key", "", "API key (default what "+envKey+" holds)")
	cmd.Flags().BoolVar(&opts.Transaction, "transaction", false, "post Bundles of type transaction or batch whole, one after the other")
	cmd.Flags().StringVar(&opts.Site, "site", "", "site, sent as SU-SiteId")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

func writeSummary(w io.Writer, s load.Summary, output string) error {
	if output == "json" {
		return s.WriteJSON(w)
	}
	return s.WriteText(w)
}

// isTerminal says whether a file is a character device, as a terminal is.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && !strings.HasSuffix(f.Name(), os.DevNull)
}
