package engine

import (
	"context"
	"crypto/cipher"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
)

// Config is what an Engine stands on. Every field but HoldTime and Audit is needed.
type Config struct {
	Store     storage.Store
	Rules     *search.Rules
	Validator *validate.Validator
	Types     []string // the resource types that are served
	ReadOnly  []string // those of them that no client may write
	Now       func() time.Time
	NewID     func(now time.Time) string // of a resource that a client creates

	HoldTime time.Duration // for how long $hold holds; 0: DefaultHoldTime

	SearchBudget int // resources and index entries that a page of a search may look at in vain (storage.PageRequest.Budget), 1 at least
	MaxIncludes  int // resources that may come with the matches of a page (_include, _revinclude), 1 at least

	Audit audit.Recorder // is told of everything that reads, and of what is refused; nil: nobody is
}

// What SearchBudget and MaxIncludes are where nothing else is wanted.
const (
	DefaultSearchBudget = 250_000
	DefaultMaxIncludes  = 1000
)

// MaxGathered is how many matches a search may have whose order no index has.
const MaxGathered = storage.MaxGathered

// Engine carries out interactions. It may be used by many goroutines at once.
type Engine struct {
	Config
	seal      cipher.AEAD // of cursors
	deflaters *sync.Pool  // of *flate.Writer, for cursors
	index     *indexing
	settled   *atomic.Bool            // Recover was there once
	lapsed    *atomic.Pointer[string] // the last hold that Settle looked at; "" where it begins anew
	damaged   *sync.Map               // of sighting, by the names of records
	hands     int                     // so many records Settle sees to at once

	definitions *search.Rules // of the server's own definitions
	open        bool          // everybody may see everything here
}

// New makes an engine. It reads the key of cursors from the store, and makes it the first time. It also compares the rules with those
// by which the index entries in the store were made, and notes its own: where they differ, searches by what differs
// are refused until Reindex has come to its end.
func New(ctx context.Context, c Config) (*Engine, error) {
	if c.SearchBudget < 1 || c.MaxIncludes < 1 { // to a store, 0 would mean no bound
		return nil, fmt.Errorf("fhir/engine: a search budget of %d and %d includes: both are 1 at least", c.SearchBudget, c.MaxIncludes)
	}
	if c.HoldTime == 0 {
		c.HoldTime = DefaultHoldTime
	}
	seal, err := cursorSeal(ctx, c.Store.Records())
	if err != nil {
		return nil, err
	}
	definitions, err := definitionRules()
	if err != nil {
		return nil, err
	}
	e := &Engine{Config: c, seal: seal, deflaters: new(sync.Pool), index: &indexing{}, definitions: definitions,
		settled: new(atomic.Bool), lapsed: new(atomic.Pointer[string]), damaged: new(sync.Map), hands: settlers}
	e.lapsed.Store(new(string))
	return e, e.compare(ctx)
}

// Ready says whether the store can take requests now, and no engine with other rules has begun on it since: what this one writes, that one would not find. Its
// error is of kind Unavailable.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.Store.Ready(ctx); err != nil {
		return err
	}
	now, _, err := provenanceOf(ctx, e.Store, e.Rules)
	if err == nil && now.Rules != "" && now.Rules != e.Rules.Fingerprint() {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Another server that indexes by other rules (base URL, resource types, search parameters or release) has begun on the same store. Stop this one.")
	}
	return err
}

// serves refuses a type that is not promised.
func (e *Engine) serves(resourceType string) error {
	if slices.Contains(e.Types, resourceType) {
		return nil
	}
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "The resource type %s is not served here. The CapabilityStatement lists those that are.", fhir.Quote(resourceType))
}

// writes refuses a type that clients may not write.
func (e *Engine) writes(resourceType string) error {
	if err := e.serves(resourceType); err != nil {
		return err
	}
	if slices.Contains(e.ReadOnly, resourceType) {
		return fhir.Errorf(fhir.MethodNotAllowed, fhir.CodeNotSupported, "%s is written by the server alone; clients can read and search it.", resourceType)
	}
	return nil
}
