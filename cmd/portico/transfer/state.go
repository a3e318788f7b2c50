package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// stateRecord is the record of a target that says how far the copy is. It is not copied itself.
const stateRecord = "portico/copy"

// enginePrefix begins the names of the records that a server makes in an empty store.
const enginePrefix = "engine/"

// state is how far a copy is.
type state struct {
	Source   string `json:"source"`   // the identity of the store that is copied; "" as long as it has no versions
	Rules    string `json:"rules"`    // by which the index entries were made: a fingerprint; "mixed" when they were changed on the way
	After    int64  `json:"after"`    // the sequence of the last event of the source whose version is in the target
	Versions int64  `json:"versions"` // that were copied so far

	Instant fhir.Instant `json:"instant"` // of the last of them

	kept storage.Record
}

// mixed is no fingerprint of rules.
const mixed = "mixed"

// identity is what a store is recognised by: its first event, which it has as long as it lives. It is "" for a store without versions.
func identity(ctx context.Context, s storage.Store) (string, error) {
	events, err := s.Events(ctx, 0, 1)
	if err != nil || len(events) == 0 {
		return "", err
	}
	e := events[0]
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d %d", e.Sequence, e.Partition, e.Key, e.Number, e.Instant))
	return hex.EncodeToString(sum[:12]), nil
}

// stateOf reads how far the copy of a source into a target is. Conflict for a target that holds something else.
func (c *copier) stateOf(ctx context.Context) (state, error) {
	source, err := identity(ctx, c.From)
	if err != nil {
		return state{}, err
	}
	record, err := c.To.Records().Get(ctx, stateRecord)
	if errors.Is(err, fhir.NotFound) {
		return state{Source: source, Rules: c.Rules.Fingerprint()}, c.mustBeEmpty(ctx)
	}
	if err != nil {
		return state{}, err
	}
	s := state{kept: record}
	if err := json.Unmarshal(record.Value, &s); err != nil {
		return state{}, fmt.Errorf("the record %s of the target is none of this program's: %w", stateRecord, err)
	}
	if s.Source != source && s.Source != "" {
		return state{}, foreign("a copy of another store is in it")
	}
	if s.Source = source; s.Rules != c.Rules.Fingerprint() {
		s.Rules = mixed
	}
	return s, nil
}

// mustBeEmpty refuses a target that nobody began to copy to, and that holds something. What a server makes that was started on it for once is nothing.
func (c *copier) mustBeEmpty(ctx context.Context) error {
	events, err := c.To.Events(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		return foreign("there are resources in it that no copy made")
	}
	for record, err := range c.records(ctx, c.To) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(record.Name, enginePrefix) {
			return foreign("it has records that no copy made, " + record.Name + " among them")
		}
	}
	return nil
}

// foreign is the error for a target that holds something else than a copy of the source.
func foreign(why string) error {
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "The target cannot be copied to: %s. Name a database or a file that is not there yet.", why)
}

// keep writes down how far the copy is.
func (s *state) keep(ctx context.Context, r storage.Records) error {
	value, err := json.Marshal(s)
	if err != nil || bytes.Equal(value, s.kept.Value) {
		return err
	}
	record, err := r.Swap(ctx, stateRecord, s.kept.Revision, value, 0)
	if errors.Is(err, fhir.Conflict) {
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another process copies into the same target.").Because(err)
	}
	if err == nil {
		s.kept = record
	}
	return err
}
