package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/storage"
)

// operator is whom the audit trail names for what is done by a command line.
const operator = "command line"

// desk is where a command line works on sites and credentials.
type desk struct {
	access.Registry
	store storage.Store
	trail *audit.Trail
}

// atDesk opens the store that the settings name, also beside servers that run on it, does something there, and closes it.
func atDesk(ctx context.Context, load func() (Config, error), do func(*desk) error) error {
	c, err := load()
	if err != nil {
		return err
	}
	rules, err := indexRules(c)
	if err != nil {
		return err
	}
	store, err := openBeside(ctx, c, rules)
	if err != nil {
		return err
	}
	d := &desk{
		Registry: access.Registry{Records: store.Records(), Now: time.Now, IsType: r4.IsResource}, store: store,
		trail: audit.NewTrail(audit.Config{Store: store, Rules: rules, Mode: c.Audit, Keep: c.AuditKeep, Now: time.Now, Log: newLog(io.Discard, c)}),
	}
	err = do(d)
	var refused *fhir.Error
	if errors.As(err, &refused) && refused.Kind != fhir.Unavailable && refused.Kind != fhir.Internal {
		err = exit{code: exitRefused, cause: err}
	}
	return errors.Join(withoutSecretsOf(c.Store, err), store.Close())
}

// done records what was done to something, or that it was refused, as the administrators' REST does, and returns the error of either.
func (d *desk) done(ctx context.Context, act, what string, err error) error {
	told := audit.Event{
		Who:         fhir.Principal{Partition: audit.NoSite, Admin: true, Client: operator},
		Interaction: audit.Operation, Outcome: audit.OutcomeOf(err), Detail: strings.TrimSpace(act + " " + what),
	}
	if err != nil {
		told.Detail += ": " + fhir.AsError(err).Issues[0].Detail
	}
	recorded := d.trail.Record(told)
	if recorded == nil {
		recorded = d.trail.Flush(ctx)
	}
	if err == nil {
		err = recorded
	}
	return err
}
