package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/patch"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

const (
	baseA, baseB = "https://a.example.org/fhir", "https://b.example.org/fhir"
	rulesRecord  = "engine/index-rules"
)

var indexed = []string{"Observation", "Patient", "Subscription"}

func rulesOf(t *testing.T, base string, types ...string) *search.Rules {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: types, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// under makes an engine on a store for a base URL.
func under(t *testing.T, store storage.Store, base string) *engine.Engine {
	t.Helper()
	return serving(t, store, base, indexed...)
}

// serving is under, for some types.
func serving(t *testing.T, store storage.Store, base string, types ...string) *engine.Engine {
	t.Helper()
	return ruled(t, store, rulesOf(t, base, types...), types)
}

func ruled(t *testing.T, store storage.Store, rules *search.Rules, types []string) *engine.Engine {
	t.Helper()
	e, err := engine.New(t.Context(), engine.Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: types, Now: time.Now, NewID: fhir.NewID,
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reindex runs a pass to its end, after which nothing is unfinished.
func reindex(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.Reindex(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := e.Index(); state.Due || state.Unfinished != nil || state.Done != state.Total {
		t.Errorf("after the pass the state is %+v", state)
	}
}

// observe stores observations of two patients, whose references are below two base URLs, and one of a third with a relative reference.
func observe(t *testing.T, e *engine.Engine) {
	t.Helper()
	for id, subject := range map[string]string{"a": baseA + "/Patient/1", "b": baseB + "/Patient/1", "c": "Patient/3"} {
		observation(t, e, id, subject)
	}
}

func observation(t *testing.T, e *engine.Engine, id, subject string) {
	t.Helper()
	_, err := e.Update(t.Context(), alice, fhir.Key{Type: "Observation", ID: id}, resource(t,
		`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":"x"},"effectiveDateTime":"2026-03-01","subject":{"reference":%q}}`, id, subject), engine.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
}

// wantFound demands that a search finds just these ids.
func wantFound(t *testing.T, e *engine.Engine, resourceType, query string, ids ...string) {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: resourceType, Query: query})
	found := []string{}
	for _, v := range page.Versions {
		found = append(found, v.Key.ID)
	}
	slices.Sort(found)
	if err != nil || !slices.Equal(found, ids) {
		t.Errorf("%s?%s: found %v, want %v (%v)", resourceType, query, found, ids, err)
	}
}

// wantRefused demands that a search is refused for one parameter.
func wantRefused(t *testing.T, e *engine.Engine, resourceType, query, param string) {
	t.Helper()
	_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: resourceType, Query: query})
	wantUnfinished(t, resourceType+"?"+query, err, param)
}

func wantUnfinished(t *testing.T, what string, err error, params ...string) {
	t.Helper()
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind != fhir.Unavailable {
		t.Errorf("%s: error %v, want Unavailable for %v", what, err, params)
		return
	}
	var named []string
	for _, issue := range refusal.Issues {
		named = append(named, issue.Path)
		if issue.Code != fhir.CodeTransient || issue.Severity != fhir.Severe || !strings.Contains(issue.Detail, issue.Path) || !strings.Contains(issue.Detail, " %") {
			t.Errorf("%s: issue %+v; it is transient, and says by what and how far", what, issue)
		}
	}
	if !slices.Equal(named, params) {
		t.Errorf("%s: refused for %v, want %v", what, named, params)
	}
}

func openStore(t *testing.T) storage.Store {
	t.Helper()
	return anystore.Open(t, rulesOf(t, baseA, indexed...), nil)
}

// held is a store on which making entries anew stops before each version, in the order of their coming to be, and does what it is told.
type held struct {
	storage.Store
	before func(n int) error // n versions are made anew
}

func (s held) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error {
	n := 0
	return s.Store.Reindex(ctx, func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
		if err := s.before(n); err != nil {
			return search.Entries{}, err
		}
		n++
		return entriesOf(p, v)
	}, progress)
}

// A search parameter that is configured later has no entries of what is there: searches by it are refused until all is indexed by it.
func TestCustomParameterIsIndexedFirst(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	withStatus := func(expression string) *engine.Engine {
		rules, err := search.NewRules(search.Config{Types: indexed, BaseURL: baseA, Custom: []search.Definition{{
			Bases:       []string{"Observation"},
			SearchParam: r4.SearchParam{Code: "state", Type: "token", URL: "https://example.org/SearchParameter/state", Expression: expression},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return ruled(t, store, rules, indexed)
	}
	e := withStatus("Observation.status")
	if diff := cmp.Diff(map[string][]string{"Observation": {"derived-from.", "focus.", "has-member.", "state"}}, e.Index().Unfinished); diff != "" {
		t.Error(diff)
	}
	wantRefused(t, e, "Observation", "state=final", "state")
	wantRefused(t, e, "Observation", "state:not=final", "state")
	wantFound(t, e, "Observation", "status=final", "a", "b", "c")
	reindex(t, e)
	wantFound(t, e, "Observation", "state=final", "a", "b", "c")
	wantFound(t, e, "Observation", "state=amended")

	e = withStatus("Observation.code") // the same name for something else
	wantRefused(t, e, "Observation", "state=final", "state")
	wantRefused(t, e, "Observation", "state:text=x", "state")
	reindex(t, e)
	wantFound(t, e, "Observation", "state=final")
	wantFound(t, e, "Observation", "state:text=x", "a", "b", "c")
}

// The search of words may be switched on later, and off again.
func TestWordsAreIndexedFirst(t *testing.T) {
	store := openStore(t)
	before := under(t, store, baseA)
	observe(t, before)
	rules, err := search.NewRules(search.Config{Types: indexed, BaseURL: baseA, Words: []string{"Observation"}})
	if err != nil {
		t.Fatal(err)
	}
	e := ruled(t, store, rules, indexed)
	wantRefused(t, e, "Observation", "_content=final", "_content")
	reindex(t, e)
	wantFound(t, e, "Observation", "_content=final x", "a", "b", "c")
	wantFound(t, e, "Observation", "_content=patient 3,nobody", "c")
	wantFound(t, e, "Observation", "_content=final nobody")
	wantFound(t, e, "Observation", "_text=final")

	after := under(t, store, baseA)
	reindex(t, after)
	if len(after.Rules.Stamps()["Observation"]) >= len(rules.Stamps()["Observation"]) {
		t.Error("the words are still there")
	}
	if _, err := after.Search(t.Context(), alice, engine.SearchRequest{Type: "Observation", Query: "_content=final", Strict: true}); !errors.Is(err, fhir.Invalid) {
		t.Errorf("what is switched off is searched: %v", err)
	}
}

// A store that was filled under one base URL and is served under another serves at once what does not depend on it; by
// references it searches as soon as it finds what they mean there.
func TestServesWhileReindexing(t *testing.T) {
	store := openStore(t)
	a := under(t, store, baseA)
	if state := a.Index(); state.Due || state.Parameters() != 0 {
		t.Errorf("a new store: %+v", state)
	}
	observe(t, a)
	put(t, a, alice, "1", "Smith")
	wantFound(t, a, "Observation", "subject=Patient/1", "a")

	reached, release := make(chan struct{}), make(chan struct{})
	b := under(t, held{store, func(n int) error {
		if n == 2 {
			close(reached)
			<-release
		}
		return nil
	}}, baseB)
	check := func() {
		t.Helper()
		wantFound(t, b, "Observation", "", "a", "b", "c")
		wantFound(t, b, "Observation", "status=final&date=2026-03-01&_sort=-date&_id=a", "a")
		wantFound(t, b, "Observation", "_lastUpdated=gt2020&_sort=_lastUpdated", "a", "b", "c")
		wantFound(t, b, "Patient", "family=smith&gender:missing=true", "1")
		wantRefused(t, b, "Observation", "subject=Patient/1", "subject")
		wantRefused(t, b, "Observation", "patient:missing=false", "patient")
		wantRefused(t, b, "Observation", "status=final&subject:Patient=1", "subject")
		wantRefused(t, b, "Observation", "subject=Patient/1&_count=0", "subject")
		wantRefused(t, b, "Patient", "family=smith&general-practitioner=Practitioner/1", "general-practitioner")
		wantRefused(t, b, "Patient", "_id=1&_revinclude=Observation:subject", "subject")
		wantFound(t, b, "Patient", "_id=1&_include=Patient:general-practitioner", "1") // goes by what the Patient says itself
		if _, err := b.Read(t.Context(), alice, fhir.Key{Type: "Observation", ID: "a"}); err != nil {
			t.Error(err)
		}
		_, err := b.Search(t.Context(), alice, engine.SearchRequest{Type: "Observation", Query: "subject=Patient/1&patient=Patient/1&status=final"})
		wantUnfinished(t, "two of three", err, "patient", "subject")
	}
	check()
	done := make(chan error)
	go func() { done <- b.Reindex(t.Context()) }()
	<-reached
	check()
	observation(t, b, "d", baseB+"/Patient/4")
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, e := range []*engine.Engine{b, under(t, store, baseB)} {
		if state := e.Index(); state.Due {
			t.Errorf("after the end: %+v", state)
		}
		wantFound(t, e, "Observation", "subject=Patient/1", "b")
		wantFound(t, e, "Observation", "subject="+baseA+"/Patient/1", "a")
		wantFound(t, e, "Observation", "patient=3", "c")
		wantFound(t, e, "Observation", "subject=Patient/4", "d")
	}
}

// The record of who did what is found without an index, and waits for none.
func TestTheRecordWhileReindexing(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	b := serving(t, store, baseB, append([]string{"AuditEvent"}, indexed...)...)
	wantFound(t, b, "AuditEvent", "patient=Patient/1&_sort=date")
	wantRefused(t, b, "Observation", "patient=Patient/1", "patient")
}

// What selects the resource to write waits; what is only read does not.
func TestWritesWhileReindexing(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	b := under(t, store, baseB)
	ctx := t.Context()
	body := func() fhir.Resource {
		return resource(t, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"identifier":[{"value":"n"}],"subject":{"reference":%q}}`, baseB+"/Patient/1")
	}
	changes, err := patch.Parse([]byte(`[{"op":"replace","path":"/status","value":"amended"}]`))
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(query string) error{
		"create": func(q string) error { _, err := b.CreateIfNone(ctx, alice, body(), q); return err },
		"update": func(q string) error {
			_, err := b.UpdateWhere(ctx, alice, "Observation", q, body(), engine.Precondition{})
			return err
		},
		"patch": func(q string) error {
			_, err := b.PatchWhere(ctx, alice, "Observation", q, changes, engine.Precondition{})
			return err
		},
		"delete": func(q string) error {
			_, err := b.DeleteWhere(ctx, alice, "Observation", q, engine.Precondition{})
			return err
		},
	} {
		err := write("subject=Patient/1&identifier=n")
		wantUnfinished(t, "conditional "+name, err, "subject")
		var criteria *engine.CriteriaError
		if !errors.As(err, &criteria) {
			t.Errorf("conditional %s: %v is no fault of the criteria", name, err)
		}
	}
	wantFound(t, b, "Observation", "", "a", "b", "c")
	for range 2 {
		if _, err := b.CreateIfNone(ctx, alice, body(), "identifier=n"); err != nil {
			t.Error(err)
		}
	}
	if page, err := b.Search(ctx, alice, engine.SearchRequest{Type: "Observation", Query: "identifier=n"}); err != nil || len(page.Versions) != 1 {
		t.Errorf("two equal conditional creates made %d resources (%v)", len(page.Versions), err)
	}
	subscribed := fhir.Key{Type: "Subscription", ID: "s"}
	if _, err := b.Update(ctx, alice, subscribed, resource(t, "%s", subscription("requested", "Observation?subject=Patient/1")), engine.Precondition{}); err != nil {
		t.Errorf("criteria of a Subscription: %v", err)
	}
}

// provenance is the record of the rules that made the entries.
type provenance struct {
	Rules    string                       `json:"rules"`
	Finished bool                         `json:"finished"`
	Params   map[string]map[string]string `json:"params"`
}

// rewriteRecord lets the entries of a store be those of other rules.
func rewriteRecord(t *testing.T, store storage.Store, change func(*provenance) []byte) {
	t.Helper()
	record, err := store.Records().Get(t.Context(), rulesRecord)
	if err != nil {
		t.Fatal(err)
	}
	var p provenance
	if err := json.Unmarshal(record.Value, &p); err != nil {
		t.Fatalf("%v: %s", err, record.Value)
	}
	value := change(&p)
	if value == nil {
		if value, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
	}
	if len(value) == 0 {
		value = nil
	}
	if _, err := store.Records().Swap(t.Context(), rulesRecord, record.Revision, value, 0); err != nil {
		t.Fatal(err)
	}
}

// stale stores a Patient with entries that other rules have made. By the promised orders it has no value.
func stale(t *testing.T, store storage.Store, id string, entries search.Entries) {
	t.Helper()
	for _, key := range rulesOf(t, baseA, "Patient").Streaming("Patient") {
		entries.Terms = append(entries.Terms, search.Term{Param: key.Absent})
	}
	op := storage.Op{Key: fhir.Key{Type: "Patient", ID: id}, Resource: resource(t, `{"resourceType":"Patient","id":%q,"name":[{"family":"Ångström"}]}`, id), Entries: entries}
	if _, err := store.Commit(t.Context(), alice.Partition, []storage.Op{op}); err != nil {
		t.Fatal(err)
	}
}

// What has changed decides what waits, and after the pass everything is found.
func TestWhatChangesWaits(t *testing.T) {
	all := func(types ...string) map[string][]string {
		every := make(map[string][]string)
		for typ, stamps := range rulesOf(t, baseA, types...).Stamps() {
			every[typ] = slices.Sorted(maps.Keys(stamps))
		}
		return every
	}
	folded := search.Entries{Texts: []search.Text{{Param: "family", Folded: "ångström", Exact: "Ångström"}}}
	for _, c := range []struct {
		name    string
		types   []string // of the rules before; nil: the same
		entries search.Entries
		change  func(*provenance) []byte // of the record; nil for an empty one removes it
		want    map[string][]string
		due     bool
		refused string // a search by what waits
		waits   string // the parameter of that search
		served  string // a search that is served at once
	}{
		{name: "nothing", entries: search.Entries{Texts: []search.Text{{Param: "family", Folded: "angstrom", Exact: "Ångström"}}},
			change: func(*provenance) []byte { return nil }, want: map[string][]string{}, served: "family=angstrom"},
		{name: "folding", entries: folded, change: func(p *provenance) []byte {
			p.Rules, p.Params["Patient"]["family"] = "other", "other"
			return nil
		}, want: map[string][]string{"Patient": {"family"}}, due: true, refused: "family=angstrom", waits: "family", served: "email:missing=true"},
		{name: "a new parameter", change: func(p *provenance) []byte {
			p.Rules = "other"
			delete(p.Params["Patient"], "family")
			return nil
		}, want: map[string][]string{"Patient": {"family"}}, due: true, refused: "family=angstrom", waits: "family", served: "_sort=birthdate"},
		{name: "a sort key", change: func(p *provenance) []byte {
			p.Rules, p.Params["Patient"]["birthdate"] = "other", "other"
			return nil
		}, want: map[string][]string{"Patient": {"birthdate"}}, due: true, refused: "_sort=-birthdate", waits: "birthdate", served: "_sort=death-date"},
		{name: "a parameter that vanished", entries: search.Entries{
			Terms: []search.Term{{Param: "of old", Value: "x"}}, Texts: []search.Text{{Param: "family", Folded: "angstrom", Exact: "Ångström"}},
		}, change: func(p *provenance) []byte {
			p.Rules, p.Params["Patient"]["of old"] = "other", "other"
			return nil
		}, want: map[string][]string{}, due: true, served: "family=angstrom"},
		{name: "a new type", types: []string{"Observation", "Subscription"}, change: func(*provenance) []byte { return nil },
			want: map[string][]string{"Patient": all("Patient")["Patient"], "Observation": {"derived-from.", "focus.", "has-member.", "patient.", "performer.", "subject."}}, due: true, refused: "family=angstrom", waits: "family", served: ""},
		{name: "a record of earlier days", entries: folded, change: func(*provenance) []byte { return []byte("0123456789abcdef") },
			want: all(indexed...), due: true, refused: "family=angstrom", waits: "family", served: "_id=p"},
		{name: "a record of earlier days, all digits", entries: folded, change: func(*provenance) []byte { return []byte("1234567890123456") },
			want: all(indexed...), due: true, refused: "family=angstrom", waits: "family", served: "_lastUpdated=gt2020"},
		{name: "no record", entries: folded, change: func(*provenance) []byte { return []byte{} },
			want: all(indexed...), due: true, refused: "family=angstrom", waits: "family", served: "_sort=-_lastUpdated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := openStore(t)
			if c.types == nil {
				c.types = indexed
			}
			serving(t, store, baseA, c.types...)
			stale(t, store, "p", c.entries)
			rewriteRecord(t, store, c.change)
			unfinished, err := engine.Unfinished(t.Context(), store, rulesOf(t, baseA, indexed...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, unfinished); diff != "" {
				t.Error(diff)
			}
			e := under(t, store, baseA)
			state := e.Index()
			if diff := cmp.Diff(len(c.want), len(state.Unfinished)); diff != "" || state.Due != c.due {
				t.Errorf("the state is %+v", state)
			}
			wantFound(t, e, "Patient", c.served, "p")
			if c.refused != "" {
				wantRefused(t, e, "Patient", c.refused, c.waits)
			}
			reindex(t, e)
			wantFound(t, e, "Patient", "family=angstrom", "p")
			wantFound(t, e, "Patient", "_sort=birthdate", "p")
			page, err := store.Search(t.Context(), alice.Partition, search.Query{Type: "Patient", All: []search.Any{{search.Missing{Param: "of old"}}}}, storage.PageRequest{Limit: 1})
			if err != nil || len(page.Versions) != 0 {
				t.Errorf("entries of a parameter that vanished are left (%v)", err)
			}
			if again := under(t, store, baseA).Index(); again.Due {
				t.Errorf("the next start finds %+v", again)
			}
		})
	}
}

// Where only what chains find in contained resources waits, that is what is refused, and the reference itself is served.
func TestChainsWhileReindexing(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	rewriteRecord(t, store, func(p *provenance) []byte {
		p.Rules, p.Params["Observation"]["patient."] = "other", "other"
		return nil
	})
	e := under(t, store, baseA)
	wantFound(t, e, "Observation", "patient=Patient/1", "a")
	_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Observation", Query: "patient.family=smith"})
	wantUnfinished(t, "a chain", err, "patient")
	const told = "Observation cannot be searched by chains through patient at the moment: the index of what is contained is being made anew, of which 0 % is done. Try again later; other searches and reads are served."
	if detail := fhir.AsError(err).Issues[0].Detail; detail != told {
		t.Errorf("a chain is refused with %s", detail)
	}
}

// Rules that were replaced by halves are not those that were there before, also when the base URL is set back; and what is alike in all
// of them never waits.
func TestReindexAfterCrash(t *testing.T) {
	store := openStore(t)
	a := under(t, store, baseA)
	observe(t, a)
	crash := errors.New("crash")
	cut := held{store, func(n int) error {
		if n == 1 {
			return crash
		}
		return nil
	}}
	for _, base := range []string{baseB, "https://c.example.org/fhir", baseB} {
		e := under(t, cut, base)
		if err := e.Reindex(t.Context()); !errors.Is(err, crash) {
			t.Fatalf("error %v, want that of the store", err)
		}
		wantRefused(t, e, "Observation", "subject=Patient/1", "subject")
		wantFound(t, e, "Observation", "status=final&_id=a", "a")
		observation(t, e, "of-"+base[8:9], base+"/Patient/5")
	}
	again := under(t, store, baseA)
	wantRefused(t, again, "Observation", "subject=Patient/1", "subject")
	wantFound(t, again, "Observation", "date=2026-03-01&_id=a", "a")
	reindex(t, again)
	wantFound(t, again, "Observation", "subject=Patient/1", "a")
	wantFound(t, again, "Observation", "subject=Patient/5")
	wantFound(t, again, "Observation", "subject="+baseB+"/Patient/5", "of-b")
}

// A pass that is stopped ends with its context, and may be called again.
func TestReindexIsStopped(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	ctx, stop := context.WithCancel(t.Context())
	e := under(t, held{store, func(int) error { stop(); return nil }}, baseB)
	if err := e.Reindex(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that is context.Canceled", err)
	}
	wantRefused(t, e, "Observation", "subject=Patient/1", "subject")
	reindex(t, e)
	wantFound(t, e, "Observation", "subject=Patient/1", "b")
}

// Of two processes with different rules the later one has its way; the earlier one does not claim that its own hold.
func TestReindexByTwoProcesses(t *testing.T) {
	for _, c := range []struct {
		name, later string
		conflict    bool
	}{{"other rules", "https://c.example.org/fhir", true}, {"the same rules", baseB, false}} {
		t.Run(c.name, func(t *testing.T) {
			store := openStore(t)
			observe(t, under(t, store, baseA))
			var second *engine.Engine
			first := under(t, held{store, func(n int) error {
				if n == 1 {
					second = under(t, store, c.later)
				}
				return nil
			}}, baseB)
			if err := first.Reindex(t.Context()); errors.Is(err, fhir.Conflict) != c.conflict || (err != nil) != c.conflict {
				t.Errorf("the first ends with %v", err)
			}
			if c.conflict {
				wantRefused(t, first, "Observation", "subject=Patient/1", "subject")
			} else {
				wantFound(t, first, "Observation", "subject=Patient/1", "b")
			}
			wantRefused(t, second, "Observation", "subject=Patient/1", "subject")
			if err := second.Ready(t.Context()); err != nil {
				t.Error(err)
			}
			if err := first.Ready(t.Context()); errors.Is(err, fhir.Unavailable) != c.conflict {
				t.Errorf("the first is ready: %v", err)
			}
			reindex(t, second)
			wantFound(t, second, "Observation", "subject=Patient/3", "c")
			if state := under(t, store, c.later).Index(); state.Due {
				t.Errorf("the next start finds %+v", state)
			}
		})
	}
}
