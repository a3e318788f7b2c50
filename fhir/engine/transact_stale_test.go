package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// What was read for a decision is what the write rests on: another write that comes between makes the transaction be decided anew.
func TestTransactIsDecidedAnew(t *testing.T) {
	obs := func(reference string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":%q}}`, reference)
	}
	for _, c := range []struct {
		name    string
		there   []string
		meddle  func(t *testing.T, e *engine.Engine)
		changes []engine.Change
		subject string // of the Observation that is created, where there is one; "*" for what the transaction creates
		refusal fhir.Kind
	}{
		{"a match of a create came to be", nil, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p"))}, "Patient/a", 0},
		{"the match of a create is gone", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other") },
			[]engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p"))}, "*", 0},
		{"the match of an update is another one", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") },
			[]engine.Change{entry(t, "PUT Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p"))}, "Patient/b", 0},
		{"the match of a patch is another one", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") },
			[]engine.Change{entry(t, "PATCH Patient?"+mrn, rename, fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p"))}, "Patient/b", 0},
		{"what is patched has changed", []string{"a"}, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "PATCH Patient/a", rename, fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p/_history/1"))}, "Patient/a/_history/3", 0},
		{"a version that is named has changed", []string{"a"}, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "PUT Patient/a", patientOf("a", "1", "New"), fullURL("urn:uuid:p")), entry(t, "POST Observation", obs("urn:uuid:p/_history/1"))}, "Patient/a/_history/3", 0},
		{"what a conditional reference names is another one", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") },
			[]engine.Change{entry(t, "POST Observation", obs("Patient?"+mrn))}, "Patient/b", 0},
		{"what a conditional reference names is gone", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other") },
			[]engine.Change{entry(t, "POST Observation", obs("Patient?"+mrn))}, "", fhir.PreconditionFailed},
		{"what a conditional reference names is written now", []string{"a"}, func(t *testing.T, e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "c") },
			[]engine.Change{entry(t, "PATCH Patient/c", rename), entry(t, "POST Observation", obs("Patient?"+mrn))}, "Patient/c", 0},
		{"several came to match", nil, func(t *testing.T, e *engine.Engine) { have(t, e, "a", "b") },
			[]engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"))}, "", fhir.PreconditionFailed},
		{"one came to match a delete", nil, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "DELETE Patient?"+mrn, ""), entry(t, "POST Observation", obs("Patient/z"))}, "Patient/z", 0},
		{"the client's own version is no match any more", []string{"a"}, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "PUT Patient/a", patientOf("a", "1", "New"), ifMatch(1)), entry(t, "POST Observation", obs("Patient/a"))}, "", fhir.PreconditionFailed},
		{"one more change of the match", []string{"a"}, func(t *testing.T, e *engine.Engine) { have(t, e, "a") },
			[]engine.Change{entry(t, "DELETE Patient?"+mrn, ""), entry(t, "PUT Patient/c", patientOf("c", "2", "New"))}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransactingOf(t, "Patient", "Observation")
			put(t, e, alice, "c", "Other")
			have(t, e, c.there...)
			direct, commits := *e, 0
			e.Store = &meddler{Store: e.Store, before: func(commit int) {
				if commits = commit; commit == 1 {
					c.meddle(t, &direct)
				}
			}}
			out, err := e.Transact(t.Context(), alice, c.changes)
			if c.refusal != 0 {
				wantKind(t, err, c.refusal, "")
				if n := len(found(t, e, "Observation", "")); n != 0 {
					t.Errorf("%d Observations were written", n)
				}
				return
			}
			if err != nil || commits != 2 {
				t.Fatalf("%d commits, %v", commits, err)
			}
			if c.subject == "*" {
				c.subject = out[0].Version.Key.String()
			}
			observed := found(t, e, "Observation", "")
			if (c.subject != "") != (len(observed) == 1) || len(observed) == 1 && !strings.Contains(observed[0], fmt.Sprintf(`{"reference":%q}`, c.subject)) {
				t.Errorf("want the subject %s: %v", c.subject, observed)
			}
			if c.subject != "" && !strings.Contains(c.subject, "_history") && c.subject != "Patient/z" && len(found(t, e, "Observation", "subject="+c.subject)) != 1 {
				t.Error("the index knows another subject")
			}
		})
	}
}

// What a conditional reference sees of another one's resource does not depend on how often it was decided.
func TestConditionalReferencesAreDecidedAnew(t *testing.T) {
	e := newTransactingOf(t, "Patient", "Observation")
	have(t, e, "a")
	direct, commits := *e, 0
	e.Store = &meddler{Store: e.Store, before: func(commit int) {
		if commits = commit; commit == 1 {
			put(t, &direct, alice, "a", "Other")
			have(t, &direct, "b")
		}
	}}
	obs := func(member, subject string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"text":"x"},%s"subject":{"reference":%q}}`, member, subject)
	}
	if _, err := direct.Write(t.Context(), alice, entry(t, "PUT Observation/old", `{"resourceType":"Observation","id":"old","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`)); err != nil {
		t.Fatal(err)
	}
	out, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "POST Observation", obs("", "Patient?"+mrn)),
		entry(t, "POST Observation", obs(`"hasMember":[{"reference":"Observation?subject=Patient/a"}],`, "Patient/z")),
	})
	if err != nil || commits != 2 || !strings.Contains(string(out[0].Version.Body), `"Patient/b"`) || !strings.Contains(string(out[1].Version.Body), `"Observation/old"`) {
		t.Errorf("%d commits, %+v, %v", commits, out, err)
	}
}

// found are the resources of a type that a search finds.
func found(t *testing.T, e *engine.Engine, resourceType, query string) []string {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: resourceType, Query: query, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range page.Versions {
		all = append(all, plain(t, v))
	}
	return all
}

// A transaction that never comes through ends, and leaves nothing.
func TestTransactGivesUp(t *testing.T) {
	e := newTransacting(t)
	have(t, e, "a")
	direct := *e
	e.Store = &meddler{Store: e.Store, before: func(int) { have(t, &direct, "a") }}
	_, err := e.Transact(t.Context(), alice, []engine.Change{entry(t, "PATCH Patient?"+mrn, rename), entry(t, "POST Patient", patientOf("", "2", "New"))})
	wantKind(t, err, fhir.Conflict, "try it again")
	if count(t, e, "family=new") != 0 {
		t.Error("something was written")
	}
}

// Failures of the store are no faults of a change.
func TestTransactOnAFailingStore(t *testing.T) {
	e := newTransacting(t)
	e.Store = failing{e.Store}
	for _, changes := range [][]engine.Change{{entry(t, "POST Patient", patientOf("", "1", "New"))}, {entry(t, "PATCH Patient/a", rename)}} {
		_, err := e.Transact(t.Context(), alice, changes)
		var fault *engine.ChangeError
		if !errors.Is(err, fhir.Unavailable) || errors.As(err, &fault) {
			t.Errorf("%v", err)
		}
	}
}

// failing is a store that is out of reach.
type failing struct{ storage.Store }

func (failing) Read(context.Context, fhir.Partition, fhir.Key) (fhir.Version, error) {
	return fhir.Version{}, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
}

func (failing) Commit(context.Context, fhir.Partition, []storage.Op) ([]storage.Result, error) {
	return nil, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
}

// A request whose client went away before the commit leaves nothing.
func TestTransactForNobody(t *testing.T) {
	e := newTransacting(t)
	ctx, cancel := context.WithCancel(t.Context())
	e.Store = contended{e.Store, cancel}
	_, err := e.Transact(ctx, alice, []engine.Change{entry(t, "POST Patient", patientOf("", "1", "New")), entry(t, "PUT Patient/a", patientOf("a", "2", "New"))})
	wantKind(t, err, fhir.Unavailable, "")
	if left := state(t, e); len(left) != 0 {
		t.Errorf("%v", left)
	}
}

// closer is a store that ends a context as soon as it has searched.
type closer struct {
	storage.Store
	end     func()
	commits int
}

func (s *closer) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	defer s.end()
	return s.Store.Search(ctx, p, q, page)
}

func (s *closer) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	s.commits++
	return s.Store.Commit(ctx, p, ops)
}

// Conditions are not compared any more with what is written when nobody waits for the answer.
func TestTransactEndsWithItsContext(t *testing.T) {
	e := newTransactingOf(t, "Patient")
	ctx, cancel := context.WithCancel(t.Context())
	store := &closer{Store: e.Store, end: cancel}
	e.Store = store
	_, err := e.Transact(ctx, alice, []engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "New")), entry(t, "PUT Patient/b", patientOf("b", "2", "New"))})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, fhir.Unavailable) || store.commits > 0 {
		t.Errorf("error %v after %d commits, want context.Canceled after none", err, store.commits)
	}
}
