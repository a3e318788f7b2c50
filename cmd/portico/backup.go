package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage/sqlite"
)

func backupCommand() *cobra.Command {
	var load func() (Config, error)
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the store into a new file, also while a server runs on it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := load()
			if isMongo(config.Store) {
				return errors.New("store: it is MongoDB, whose own tools copy it while it runs: mongodump --archive=FILE --gzip, and mongorestore to put it back")
			}
			if err != nil {
				return err
			}
			began := time.Now()
			bytes, err := sqlite.Backup(cmd.Context(), sqliteFile(config.Store), args[0])
			if errors.Is(err, fhir.Conflict) {
				return fmt.Errorf("%s is there already, and a backup overwrites nothing; name another file", args[0])
			}
			if err != nil {
				return storeFault(config.Store, "cannot be copied to "+args[0], err)
			}
			return writeBackup(cmd.OutOrStdout(), args[0], bytes, time.Since(began))
		},
	}
	load = storeSettings(cmd.Flags())
	return cmd
}

func writeBackup(w io.Writer, file string, bytes int64, took time.Duration) error {
	_, err := fmt.Fprintf(w, "%s: %d bytes in %s\n", file, bytes, took.Round(time.Millisecond))
	return err
}

// storeSettings gives a command the settings of serve, so that it finds the same store by the same configuration, and returns how they are
// read. Flags of the command's own are no settings.
func storeSettings(flags *pflag.FlagSet) (load func() (Config, error)) {
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	defineSettings(settings)
	flags.AddFlagSet(settings)
	return func() (Config, error) {
		config, err := loadConfig(settings, environ)
		if err != nil {
			err = fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		return config, err
	}
}
