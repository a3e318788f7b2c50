package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-health/portico/fhir/access"
)

func keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Make API keys and OAuth clients; list, rotate and revoke them"}
	cmd.AddCommand(keyCreateCommand(), keyListCommand(), keyRotateCommand(), keyRevokeCommand(), keyRetireCommand(), keyGenerateCommand(), keyAssertionCommand())
	return cmd
}

// keyFlags are those of key create.
type keyFlags struct {
	access.NewCredential
	mode, expires, jwks string
	allow               []string
}

func keyCreateCommand() *cobra.Command {
	var load func() (Config, error)
	var flags keyFlags
	cmd := &cobra.Command{
		Use:   "create --site NAME… --mode test|live",
		Short: "Make an API key and print it, now and never again",
		Long: `Create makes a credential and prints it on standard output, alone: an API key, which works on every face and is an OAuth client too (what is before the dot is
its client_id, what is behind it its client_secret). It is shown only now, for a hash of it is all that is kept.

With --jwks or --jwks-url it makes an OAuth client that signs its assertions instead (SMART backend services, private_key_jwt), which has no secret, and prints its client_id.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := flags.read(time.Now())
			if err != nil {
				return err
			}
			return atDesk(cmd.Context(), load, func(d *desk) error { return d.createKey(cmd.Context(), wanted, cmd.OutOrStdout(), cmd.ErrOrStderr()) })
		},
	}
	load = storeSettings(cmd.Flags())
	f := cmd.Flags()
	f.StringSliceVar(&flags.Sites, "site", nil, "site that it may use; may be repeated")
	f.StringVar(&flags.mode, "mode", "", "test or live: the partition of the site")
	f.StringSliceVar(&flags.Scopes, "scope", nil, "SMART scope, such as system/Patient.rs; may be repeated (default "+access.DefaultScope+"; "+access.AdminScope+" is for administrators)")
	f.StringVar(&flags.expires, "expires", "", "when it ends: a length of time from now, such as 90d or 12h, a day such as 2027-01-31, or an instant as in RFC 3339 (default never)")
	f.StringSliceVar(&flags.allow, "allow", nil, "address or range from which it works, such as 192.0.2.0/24; may be repeated (default everywhere)")
	f.StringVar(&flags.Name, "name", "", "what it is called in lists")
	f.StringVar(&flags.jwks, "jwks", "", "file with the public keys of a client that signs (RFC 7517)")
	f.StringVar(&flags.JWKSURL, "jwks-url", "", "https URL of the public keys of a client that signs")
	return cmd
}

// read says everything that is wrong with the flags at once.
func (f keyFlags) read(now time.Time) (n access.NewCredential, err error) {
	n = f.NewCredential
	var faults []error
	if len(n.Sites) == 0 {
		faults = append(faults, errors.New("--site: name one at least"))
	}
	if n.Mode = access.Mode(f.mode); n.Mode != access.Test && n.Mode != access.Live {
		faults = append(faults, fmt.Errorf("--mode: %q is not %s or %s", f.mode, access.Test, access.Live))
	}
	if f.expires != "" {
		var ok bool
		if n.Expires, ok = readEnd(f.expires, now); !ok {
			faults = append(faults, fmt.Errorf("--expires: %q is no length of time (90d, 12h), day (2027-01-31) or instant (2027-01-31T12:00:00Z)", f.expires))
		}
	}
	for _, text := range f.allow {
		prefix, err := access.ParsePrefix(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--allow: %q is no IP address or range (192.0.2.0/24)", text))
		}
		n.Allow = append(n.Allow, prefix)
	}
	if f.jwks != "" {
		if n.JWKS, err = os.ReadFile(filepath.Clean(f.jwks)); err != nil {
			faults = append(faults, fmt.Errorf("--jwks: %w", fileFault(f.jwks, err)))
		}
	}
	return n, errors.Join(faults...)
}

// readEnd reads a length of time from now, a day, at whose beginning in UTC it ends, or an instant.
func readEnd(text string, now time.Time) (end time.Time, ok bool) {
	if length, err := readPeriod(text); err == nil {
		return now.Add(length).UTC(), true
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if end, err := time.Parse(form, text); err == nil {
			return end.UTC(), !end.IsZero() // which would be a key without end
		}
	}
	return end, false
}

// createKey makes a credential, and prints it. What keeps it from working is told beside.
func (d *desk) createKey(ctx context.Context, n access.NewCredential, out, beside io.Writer) error {
	c, key, err := d.CreateCredential(ctx, n)
	if err != nil {
		return d.done(ctx, "create key", "", err)
	}
	if _, err := fmt.Fprintln(out, cmp.Or(key, c.ID)); err != nil { // it is shown only now, so before anything else can fail
		return err
	}
	if err := d.done(ctx, "create key", c.ID, nil); err != nil {
		return err
	}
	sites, err := d.Sites(ctx)
	for _, s := range sites {
		switch {
		case !named(c.Sites, s.Name):
		case s.Suspended:
			fmt.Fprintf(beside, "portico: no credential works on %s, for it is suspended; that ends with: portico site activate %[1]s\n", s.Name)
		case !s.Active && c.Mode == access.Live:
			fmt.Fprintf(beside, "portico: live credentials do not work on %s before it is activated: portico site activate %[1]s\n", s.Name)
		}
	}
	return err
}

// named says whether a site is among some, whose names are compared without case.
func named(sites []string, name string) bool {
	for _, s := range sites {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

func keyListCommand() *cobra.Command {
	var load func() (Config, error)
	var site, output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List credentials, without their secrets; with --output json an object a line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := outputFault(output); err != nil {
				return err
			}
			return atDesk(cmd.Context(), load, func(d *desk) error {
				if site != "" {
					if _, err := d.Site(cmd.Context(), site); err != nil {
						return err
					}
				}
				all, err := d.Credentials(cmd.Context(), site)
				if err != nil {
					return err
				}
				return writeKeys(cmd.OutOrStdout(), all, time.Now(), output)
			})
		},
	}
	load = storeSettings(cmd.Flags())
	cmd.Flags().StringVar(&site, "site", "", "only those of a site")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// keyLine is a credential in JSON.
type keyLine struct {
	access.Credential
	State string `json:"state"`
}

func writeKeys(w io.Writer, all []access.Credential, now time.Time, output string) error {
	if output == "json" {
		lines := make([]keyLine, len(all))
		for i, c := range all {
			lines[i] = keyLine{c, c.State(now)}
		}
		return writeLines(w, lines)
	}
	table := newTable(w, "ID", "NAME", "SITES", "SCOPES", "STATE", "EXPIRES")
	for _, c := range all {
		expires := "never"
		if !c.Expires.IsZero() {
			expires = c.Expires.UTC().Format(time.RFC3339)
		}
		table.row(c.ID, cmp.Or(c.Name, "-"), strings.Join(c.Sites, ","), strings.Join(c.Scopes, " "), c.State(now), expires)
	}
	return table.end()
}

// idIn is the id in what an operator names a credential by, be it the whole key.
func idIn(text string) string {
	id, _, _ := strings.Cut(text, ".")
	return id
}

func keyRotateCommand() *cobra.Command {
	var load func() (Config, error)
	grace := period(access.DefaultGrace)
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Give a key a new secret and print it; the old one works on for a while",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if grace < 0 {
				return errors.New("--grace: it cannot be negative")
			}
			return atDesk(cmd.Context(), load, func(d *desk) error {
				c, key, err := d.RotateCredential(cmd.Context(), idIn(args[0]), time.Duration(grace))
				if err == nil {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
				}
				return d.done(cmd.Context(), "rotate key", c.ID, err)
			})
		},
	}
	cmd.Flags().Var(&grace, "grace", "how long the old secret works on, such as 24h or 7d; 0s ends it now") // before the settings, for serve has one of that name
	load = storeSettings(cmd.Flags())
	return cmd
}

func keyRevokeCommand() *cobra.Command {
	var load func() (Config, error)
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a credential for ever, with the tokens that it got; every server knows within a second",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atDesk(cmd.Context(), load, func(d *desk) error {
				c, err := d.RevokeCredential(cmd.Context(), idIn(args[0]))
				if err := d.done(cmd.Context(), "revoke key", c.ID, err); err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked.\n", c.ID)
				return err
			})
		},
	}
	load = storeSettings(cmd.Flags())
	return cmd
}

func keyRetireCommand() *cobra.Command {
	var load func() (Config, error)
	cmd := &cobra.Command{
		Use:   "retire-signing",
		Short: "End the keys that sign access tokens, and so all tokens; every server knows within a second, and signs by another",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return atDesk(cmd.Context(), load, func(d *desk) error {
				if err := d.done(cmd.Context(), "retire signing keys", "", d.RetireSigningKeys(cmd.Context())); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "The keys that signed access tokens are retired; clients get another token once they are refused.")
				return err
			})
		},
	}
	load = storeSettings(cmd.Flags())
	return cmd
}
