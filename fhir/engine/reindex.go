package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// RulesRecord is the name of the record that says by which rules the index entries of the store were made.
const RulesRecord = "engine/index-rules"

// swaps bounds how often a record is written anew because another process came between.
const swaps = 5

// provenance is by which rules the index entries of a store were made. In the record of a pass that is under way are only those
// parameters that the rules before make in the same way: versions of both kinds are there.
type provenance struct {
	Rules    string `json:"rules"`    // fingerprint of the rules of the process that wrote the record
	Finished bool   `json:"finished"` // all entries are made by them, none are left of parameters that they do not have

	// Params are stamps, by type and parameter: each holds for the entries of every current version.
	Params map[string]map[string]string `json:"params"`
}

// indexing is what an engine knows of the index entries that other rules than its own have made.
type indexing struct {
	revision   int64                               // of the record; it belongs to New, and then to Reindex
	unfinished atomic.Pointer[map[string][]string] // parameters by type; nil: every entry is made by the engine's own rules
	done       atomic.Int64
	total      atomic.Int64
}

// IndexState is how far the index entries are made by the engine's rules.
type IndexState struct {
	Due        bool                // Reindex has something to do, or is doing it
	Unfinished map[string][]string // the parameters by type, sorted, by which no search is served so far; it is shared and must not be changed
	Done       int64               // resources that Reindex has been at, since it began
	Total      int64               // resources that were there then; 0 before it begins
}

// Unfinished returns the parameters, by type and sorted, whose index entries in a store were not all made by the given rules. It
// only reads, so that it may be asked beside a running server. An empty store has none.
func Unfinished(ctx context.Context, store storage.Store, rules *search.Rules) (map[string][]string, error) {
	before, _, err := provenanceOf(ctx, store, rules)
	return before.unfinished(rules), err
}

// provenanceOf reads the record. Where there is none, or one in a form of earlier days, nothing is known of the entries; an empty
// store has none that could be wrong.
func provenanceOf(ctx context.Context, store storage.Store, rules *search.Rules) (provenance, storage.Record, error) {
	var before provenance
	record, err := store.Records().Get(ctx, RulesRecord)
	if err == nil {
		if json.Unmarshal(record.Value, &before) != nil {
			before = provenance{}
		}
		return before, record, nil
	}
	if !errors.Is(err, fhir.NotFound) {
		return before, record, err
	}
	events, err := store.Events(ctx, 0, 1)
	if err == nil && len(events) == 0 {
		before = madeBy(rules)
	}
	return before, storage.Record{}, err
}

// madeBy is the provenance of a store whose entries are all made by the rules.
func madeBy(rules *search.Rules) provenance {
	return provenance{Rules: rules.Fingerprint(), Finished: true, Params: rules.Stamps()}
}

// unfinished are the parameters that the rules make otherwise, or that are new in them.
func (p provenance) unfinished(rules *search.Rules) map[string][]string {
	unfinished := make(map[string][]string)
	for typ, stamps := range rules.Stamps() {
		for name, stamp := range stamps {
			if p.Params[typ][name] != stamp {
				unfinished[typ] = append(unfinished[typ], name)
			}
		}
		slices.Sort(unfinished[typ])
	}
	return unfinished
}

// beside is the provenance of a store to which an engine with other rules begins to write.
func (p provenance) beside(rules *search.Rules) provenance {
	next := provenance{Rules: rules.Fingerprint(), Params: make(map[string]map[string]string)}
	for typ, stamps := range rules.Stamps() {
		next.Params[typ] = maps.Clone(stamps)
		maps.DeleteFunc(next.Params[typ], func(name, stamp string) bool { return p.Params[typ][name] != stamp })
	}
	return next
}

// compare finds out which entries of the store are not made by the engine's rules, and has the record say so before the first
// write adds others that are.
func (e *Engine) compare(ctx context.Context) error {
	for range swaps {
		before, record, err := provenanceOf(ctx, e.Store, e.Rules)
		if err != nil {
			return err
		}
		same := before.Finished && before.Rules == e.Rules.Fingerprint()
		if same && record.Revision > 0 {
			return nil
		}
		next := before
		if !same {
			next = before.beside(e.Rules)
		}
		err = e.swapProvenance(ctx, record.Revision, next)
		if errors.Is(err, fhir.Conflict) { // another process on the same store came between
			continue
		}
		if err == nil && !same {
			unfinished := before.unfinished(e.Rules)
			e.index.unfinished.Store(&unfinished)
		}
		return err
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Other processes are beginning on the same store. Try again later.")
}

func (e *Engine) swapProvenance(ctx context.Context, old int64, next provenance) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	record, err := e.Store.Records().Swap(ctx, RulesRecord, old, value, 0)
	if err == nil {
		e.index.revision = record.Revision
	}
	return err
}

// Reindex makes the index entries of all resources anew where other rules made some of those that are there: with another base URL,
// other types or other search parameters, searches would silently find too much or too little. It works beside requests; until it has
// come to its end, searches and conditional writes by an unfinished parameter are Unavailable. Where there is nothing to do it returns
// at once. When it was interrupted it may be called again; a process that begins after it does it anew, with whatever rules
// that one has. Conflict when another process with other rules has begun on the same store: then this one's searches by unfinished parameters stay
// refused. It must not be called twice at once.
func (e *Engine) Reindex(ctx context.Context) error {
	if !e.Index().Due {
		return nil
	}
	err := e.Store.Reindex(ctx, e.entriesOf, func(done, total int64) {
		e.index.done.Store(done)
		e.index.total.Store(total)
	})
	if err != nil {
		return err
	}
	return e.finish(ctx)
}

// finish records that the entries in the store are made by the rules of this engine. Another process with the same rules may have begun
// or ended the same work.
func (e *Engine) finish(ctx context.Context) error {
	for range swaps {
		err := e.swapProvenance(ctx, e.index.revision, madeBy(e.Rules))
		if err == nil {
			e.index.unfinished.Store(nil)
			return nil
		}
		if !errors.Is(err, fhir.Conflict) {
			return err
		}
		now, record, err := provenanceOf(ctx, e.Store, e.Rules)
		if err != nil {
			return err
		}
		if now.Rules != e.Rules.Fingerprint() {
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another process that indexes by other rules (base URL, resource types, search parameters or release) has begun on the same store.")
		}
		e.index.revision = record.Revision
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Other processes are beginning on the same store. Try again later.")
}

// Settle records that all index entries in a store were made by the rules. It is for whoever made them, in a store that no engine works on.
func Settle(ctx context.Context, store storage.Store, rules *search.Rules) error {
	record, err := store.Records().Get(ctx, RulesRecord)
	if err != nil && !errors.Is(err, fhir.NotFound) {
		return err
	}
	value, err := json.Marshal(madeBy(rules))
	if err == nil {
		_, err = store.Records().Swap(ctx, RulesRecord, record.Revision, value, 0)
	}
	return err
}

// Index says how far the index entries are made by the engine's rules.
func (e *Engine) Index() IndexState {
	state := IndexState{Done: e.index.done.Load(), Total: e.index.total.Load()}
	if unfinished := e.index.unfinished.Load(); unfinished != nil {
		state.Due, state.Unfinished = true, *unfinished
	}
	return state
}

// Parameters is how many parameters of all types together are unfinished.
func (s IndexState) Parameters() int {
	count := 0
	for _, names := range s.Unfinished {
		count += len(names)
	}
	return count
}

// Progress is the share of the resources that is done, as in "37 %".
func (s IndexState) Progress() string {
	return fmt.Sprintf("%d %%", 100*s.Done/max(s.Total, 1))
}

// finished refuses a query by parameters whose entries are not all made: an answer would look right and be wrong.
// AuditEvents are found without entries (audit.Trail.Over).
func (e *Engine) finished(q search.Query) error {
	state := e.Index()
	if !state.Due {
		return nil
	}
	refusal := &fhir.Error{Kind: fhir.Unavailable}
	uses := q.Uses()
	delete(uses, auditType)
	for _, typ := range slices.Sorted(maps.Keys(uses)) {
		for _, name := range owners(uses[typ]) {
			if slices.Contains(state.Unfinished[typ], name) {
				refusal.Issues = append(refusal.Issues, state.waiting(typ, name))
			}
		}
	}
	if len(refusal.Issues) == 0 {
		return nil
	}
	return refusal
}

// waiting says that searches by an unfinished parameter have to wait. One whose name ends with a dot is that of the chains which look into contained
// resources (search.Owner): the parameter before the dot itself is served.
func (s IndexState) waiting(typ, name string) fhir.Issue {
	how, whose := "searched or sorted by "+name, "its index"
	if link, chained := strings.CutSuffix(name, "."); chained {
		name, how, whose = link, "searched by chains through "+link, "the index of what is contained"
	}
	return fhir.Issue{Severity: fhir.Severe, Code: fhir.CodeTransient, Path: name, Detail: fmt.Sprintf(
		"%s cannot be %s at the moment: %s is being made anew, of which %s is done. Try again later; other searches and reads are served.",
		typ, how, whose, s.Progress())}
}

// owners are the parameters that index names belong to, sorted.
func owners(indexes []string) []string {
	names := make([]string, len(indexes))
	for i, index := range indexes {
		names[i] = search.Owner(index)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// entriesOf makes the index entries of a stored version.
func (e *Engine) entriesOf(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
	return Entries(e.Rules, v)
}

// Entries are the index entries that the rules make of a version, which is no deletion.
func Entries(rules *search.Rules, v fhir.Version) (search.Entries, error) {
	r, err := stored(v)
	if err != nil {
		return search.Entries{}, err
	}
	return rules.Extract(r), nil
}

// stored is the resource of a version.
func stored(v fhir.Version) (fhir.Resource, error) {
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		return r, fhir.AsError(errors.New("the stored " + v.Key.String() + " is no JSON")) // what is wrong in it may be personal
	}
	return r, nil
}
