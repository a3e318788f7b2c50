package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// mrn is a condition that the patients of known satisfy.
const mrn = "identifier=https://example.org/mrn%7C1"

// known is a patient with a business identifier and perhaps an id.
func known(t *testing.T, id, family string) fhir.Resource {
	t.Helper()
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return resource(t, `{"resourceType":"Patient",%s"identifier":[{"system":"https://example.org/mrn","value":"1"}],"name":[{"family":%q}]}`, id, family)
}

// have stores known patients under ids.
func have(t *testing.T, e *engine.Engine, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := e.Update(t.Context(), alice, fhir.Key{Type: "Patient", ID: id}, known(t, id, "Old"), engine.Precondition{}); err != nil {
			t.Fatal(err)
		}
	}
}

// count is how many patients satisfy a query.
func count(t *testing.T, e *engine.Engine, query string) int {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: query + "&_summary=count", Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

func TestCreateIfNone(t *testing.T) {
	e := newEngine(t)
	ask := func(who fhir.Principal) (engine.Outcome, error) {
		return e.CreateIfNone(t.Context(), who, known(t, "mine", "New"), mrn)
	}
	first, err := ask(alice)
	if err != nil || !first.Created || !first.Changed || first.Version.Number != 1 || first.Version.Key.ID == "mine" || first.Version.Method != fhir.Created {
		t.Fatalf("none matches: %+v, %v", first, err)
	}
	second, err := ask(alice)
	if err != nil || second.Created || second.Changed || second.Version.Key != first.Version.Key || string(second.Version.Body) != string(first.Version.Body) {
		t.Errorf("one matches: %+v, %v", second, err)
	}
	other, err := ask(bob)
	if err != nil || !other.Created {
		t.Errorf("another partition has no match: %+v, %v", other, err)
	}
	have(t, e, "b")
	_, err = ask(alice)
	wantKind(t, err, fhir.PreconditionFailed, "match the condition")
	if code := fhir.AsError(err).Issues[0].Code; code != fhir.CodeMultipleMatches {
		t.Errorf("issue code %s", code)
	}
	if _, err := e.Delete(t.Context(), alice, fhir.Key{Type: "Patient", ID: "b"}, engine.Precondition{}); err != nil {
		t.Fatal(err)
	}
	third, err := ask(alice)
	if err != nil || third.Created || third.Version.Key != first.Version.Key {
		t.Errorf("what is deleted does not match: %+v, %v", third, err)
	}
}

// The criteria are read strictly, before anything is written, and their faults are told apart from those of the resource.
func TestConditionalRefusals(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	none := engine.Precondition{}
	for _, query := range []string{"", "&", "identifier=", "identifier=,", "zzz=1", mrn + "&zzz=1", "identifier:zzz=1", mrn + "&_count=1", mrn + "&_sort=birthdate", mrn + "&_format=json", "identifier=%zz", "birthdate=zz"} {
		calls := map[string]func() error{
			"CreateIfNone": func() error {
				_, err := e.CreateIfNone(t.Context(), alice, known(t, "", "New"), query)
				return err
			},
			"UpdateWhere": func() error {
				_, err := e.UpdateWhere(t.Context(), alice, "Patient", query, known(t, "", "New"), none)
				return err
			},
			"DeleteWhere": func() error {
				_, err := e.DeleteWhere(t.Context(), alice, "Patient", query, none)
				return err
			},
		}
		for name, call := range calls {
			var criteria *engine.CriteriaError
			if err := call(); !errors.As(err, &criteria) || !errors.Is(err, fhir.Invalid) {
				t.Errorf("%s by %q: %v", name, query, err)
			}
		}
	}
	create := func(r fhir.Resource) error {
		_, err := e.CreateIfNone(t.Context(), alice, r, mrn)
		return err
	}
	update := func(resourceType string, r fhir.Resource, pre engine.Precondition) error {
		_, err := e.UpdateWhere(t.Context(), alice, resourceType, mrn, r, pre)
		return err
	}
	remove := func(resourceType string, pre engine.Precondition) error {
		_, err := e.DeleteWhere(t.Context(), alice, resourceType, mrn, pre)
		return err
	}
	for _, c := range []struct {
		name  string
		err   error
		kind  fhir.Kind
		words string
	}{
		{"create of a type that is not served", create(resource(t, `{"resourceType":"Device"}`)), fhir.NotFound, "Device"},
		{"create of a type that is read only", create(resource(t, `{"resourceType":"AuditEvent"}`)), fhir.MethodNotAllowed, "AuditEvent"},
		{"create of what is not valid", create(resource(t, `{"resourceType":"Patient","colour":"red"}`)), fhir.Invalid, "colour"},
		{"update of a type that is not served", update("Device", known(t, "", "New"), none), fhir.NotFound, "Device"},
		{"update of a type that is read only", update("AuditEvent", known(t, "", "New"), none), fhir.MethodNotAllowed, "AuditEvent"},
		{"update with another type", update("Patient", resource(t, `{"resourceType":"AuditEvent"}`), none), fhir.Invalid, "resourceType"},
		{"update with what is not valid", update("Patient", resource(t, `{"resourceType":"Patient","colour":"red"}`), none), fhir.Invalid, "colour"},
		{"update with an id that is no string", update("Patient", resource(t, `{"resourceType":"Patient","id":5}`), none), fhir.Invalid, "Patient.id"},
		{"update with an id that is none", update("Patient", known(t, "a_b", "New"), none), fhir.Invalid, "Patient.id"},
		{"update with another id", update("Patient", known(t, "b", "New"), none), fhir.Invalid, "Patient.id"},
		{"update of an old version", update("Patient", known(t, "", "New"), engine.Precondition{Version: 7}), fhir.PreconditionFailed, "version 1"},
		{"update where none may exist", update("Patient", known(t, "", "New"), engine.Precondition{Absent: true}), fhir.PreconditionFailed, "exists"},
		{"update without If-Match where it is required", update("Patient", known(t, "", "New"), engine.Precondition{Required: true}), fhir.PreconditionRequired, `W/"1"`},
		{"delete of a type that is not served", remove("Device", none), fhir.NotFound, "Device"},
		{"delete of a type that is read only", remove("AuditEvent", none), fhir.MethodNotAllowed, "AuditEvent"},
		{"delete of an old version", remove("Patient", engine.Precondition{Version: 7}), fhir.PreconditionFailed, "version 1"},
		{"delete without If-Match where it is required", remove("Patient", engine.Precondition{Required: true}), fhir.PreconditionRequired, `W/"1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantKind(t, c.err, c.kind, c.words)
			var criteria *engine.CriteriaError
			if errors.As(c.err, &criteria) {
				t.Error("the criteria are right")
			}
		})
	}
	if v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: "a"}); err != nil || v.Number != 1 || count(t, e, "") != 1 {
		t.Errorf("after refusals only, the patient is at version %d, %v", v.Number, err)
	}
}

func TestUpdateWhere(t *testing.T) {
	none := engine.Precondition{}
	for _, c := range []struct {
		name    string
		there   []string // ids of patients that match
		other   string   // id of one that does not
		deleted string   // id of one that did
		id      string   // in the body
		pre     engine.Precondition
		want    string // id of what is current then; "*" for a new one
		number  int64
		method  fhir.Method
		refusal fhir.Kind
		words   string
	}{
		{name: "none, no id", want: "*", number: 1, method: fhir.Created},
		{name: "none, id", id: "x", want: "x", number: 1, method: fhir.Updated},
		{name: "none, the id of a deleted one", id: "x", deleted: "x", want: "x", number: 3, method: fhir.Updated},
		{name: "none, the id of another one", id: "x", other: "x", refusal: fhir.Conflict, words: "x exists and does not match"},
		{name: "none, If-None-Match: *", pre: engine.Precondition{Absent: true}, want: "*", number: 1, method: fhir.Created},
		{name: "none, If-Match required", pre: engine.Precondition{Required: true}, want: "*", number: 1, method: fhir.Created},
		{name: "none, If-Match", pre: engine.Precondition{Version: 1}, refusal: fhir.PreconditionFailed},
		{name: "none, If-Match: *", pre: engine.Precondition{Exists: true}, refusal: fhir.PreconditionFailed},
		{name: "one, no id", there: []string{"a"}, want: "a", number: 2, method: fhir.Updated},
		{name: "one, its id", there: []string{"a"}, id: "a", want: "a", number: 2, method: fhir.Updated},
		{name: "one, another id", there: []string{"a"}, id: "x", refusal: fhir.Invalid},
		{name: "one, If-Match", there: []string{"a"}, pre: engine.Precondition{Version: 1, Required: true}, want: "a", number: 2, method: fhir.Updated},
		{name: "one, If-Match: *", there: []string{"a"}, pre: engine.Precondition{Exists: true, Required: true}, want: "a", number: 2, method: fhir.Updated},
		{name: "several, no id", there: []string{"a", "b"}, refusal: fhir.PreconditionFailed},
		{name: "several, the id of one", there: []string{"a", "b"}, id: "a", refusal: fhir.PreconditionFailed},
		{name: "several, the id of none", there: []string{"a", "b"}, id: "x", pre: none, refusal: fhir.PreconditionFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			have(t, e, c.there...)
			if c.other != "" {
				put(t, e, alice, c.other, "Other")
			}
			if c.deleted != "" {
				have(t, e, c.deleted)
				if _, err := e.Delete(t.Context(), alice, fhir.Key{Type: "Patient", ID: c.deleted}, none); err != nil {
					t.Fatal(err)
				}
			}
			before := count(t, e, "")
			out, err := e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, c.id, "New"), c.pre)
			if c.refusal != 0 {
				wantKind(t, err, c.refusal, c.words)
				if count(t, e, "") != before || count(t, e, "family=new") != 0 {
					t.Errorf("%+v, %v", out, err)
				}
				return
			}
			v := out.Version
			if err != nil || !out.Changed || out.Created != (len(c.there) == 0) || v.Number != c.number || v.Method != c.method {
				t.Fatalf("%+v, %v", out, err)
			}
			if (c.want == "*") != (len(v.Key.ID) == 20) || (c.want != "*" && c.want != v.Key.ID) {
				t.Errorf("id %s, want %s", v.Key.ID, c.want)
			}
			if got, err := e.Read(t.Context(), alice, v.Key); err != nil || !strings.Contains(string(got.Body), fmt.Sprintf(`"id":%q`, v.Key.ID)) || !strings.Contains(string(got.Body), `"New"`) {
				t.Errorf("%s, %v", got.Body, err)
			}
			if count(t, e, mrn) != 1 {
				t.Error("what was written does not match alone")
			}
		})
	}
}

func TestDeleteWhere(t *testing.T) {
	e := newEngine(t)
	ask := func(pre engine.Precondition) (engine.Outcome, error) {
		return e.DeleteWhere(t.Context(), alice, "Patient", mrn, pre)
	}
	put(t, e, alice, "other", "Other")
	if out, err := ask(engine.Precondition{Required: true}); err != nil || out.Changed || out.Version.Number != 0 {
		t.Errorf("none: %+v, %v", out, err)
	}
	for _, pre := range []engine.Precondition{{Version: 1}, {Exists: true}} {
		_, err := ask(pre)
		wantKind(t, err, fhir.PreconditionFailed, "No Patient matches")
	}
	have(t, e, "a")
	if out, err := ask(engine.Precondition{Version: 1, Required: true}); err != nil || !out.Changed || out.Version.Key.ID != "a" || out.Version.Number != 2 || !out.Version.IsDeleted() {
		t.Errorf("one: %+v, %v", out, err)
	}
	if out, err := ask(engine.Precondition{}); err != nil || out.Changed {
		t.Errorf("again: %+v, %v", out, err)
	}
	have(t, e, "b", "c")
	_, err := ask(engine.Precondition{})
	wantKind(t, err, fhir.PreconditionFailed, "Several")
	if n := count(t, e, ""); n != 3 {
		t.Errorf("%d patients are left", n)
	}
}

// together calls f many times at once.
func together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// "Conditional create ... race-safe": of equal requests that come at once one creates, and all get that resource.
func TestConcurrentConditionalCreates(t *testing.T) {
	e := newEngine(t)
	var mu sync.Mutex
	created, keys := 0, map[fhir.Key]bool{}
	together(64, func(int) {
		out, err := e.CreateIfNone(t.Context(), alice, known(t, "", "New"), mrn)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		if out.Created {
			created++
		}
		keys[out.Version.Key] = true
	})
	if created != 1 || len(keys) != 1 || count(t, e, "") != 1 {
		t.Errorf("%d created, %d keys, %d patients", created, len(keys), count(t, e, ""))
	}
}

// Of equal updates where nothing matches, one creates and the others update that one; with an id and without.
func TestConcurrentConditionalUpdatesOfNone(t *testing.T) {
	for _, id := range []string{"", "x"} {
		e := newEngine(t)
		wrote, created := updateAtOnce(t, e, 16, id)
		if created != 1 || count(t, e, "") != 1 {
			t.Errorf("id %q: %d created, %d patients", id, created, count(t, e, ""))
		}
		checkHistory(t, e, wrote)
	}
}

// Each update of one match that succeeds is a version of its own; the others know that they were not carried out.
func TestConcurrentConditionalUpdatesOfOne(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	wrote, created := updateAtOnce(t, e, 32, "")
	if created != 0 || count(t, e, "") != 1 {
		t.Errorf("%d created, %d patients", created, count(t, e, ""))
	}
	wrote["Old"] = fhir.Version{Key: fhir.Key{Type: "Patient", ID: "a"}, Number: 1}
	checkHistory(t, e, wrote)
}

// updateAtOnce sends conditional updates at once, and returns the versions of those that succeeded by their
// family name.
func updateAtOnce(t *testing.T, e *engine.Engine, n int, id string) (wrote map[string]fhir.Version, created int) {
	t.Helper()
	var mu sync.Mutex
	wrote = map[string]fhir.Version{}
	together(n, func(i int) {
		family := fmt.Sprintf("F%d", i)
		out, err := e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, id, family), engine.Precondition{})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			wrote[family] = out.Version
		case !errors.Is(err, fhir.Conflict):
			t.Error(err)
		}
		if out.Created {
			created++
		}
	})
	if len(wrote) < min(n, 20) {
		t.Errorf("%d of %d updates were carried out", len(wrote), n)
	}
	return wrote, created
}

// checkHistory holds that the versions of one resource are those that were written, each once, without a gap.
func checkHistory(t *testing.T, e *engine.Engine, wrote map[string]fhir.Version) {
	t.Helper()
	numbers := map[int64]bool{}
	for family, v := range wrote {
		numbers[v.Number] = true
		stored, err := e.ReadVersion(t.Context(), alice, v.Key, v.Number)
		if err != nil || !strings.Contains(string(stored.Body), fmt.Sprintf("%q", family)) {
			t.Errorf("%s should be version %d: %s, %v", family, v.Number, stored.Body, err)
		}
	}
	for n := range int64(len(wrote)) {
		if !numbers[n+1] {
			t.Errorf("nobody wrote version %d of %d", n+1, len(wrote))
		}
	}
}

// Updates and deletes of one match at once: each deletion that is told took place, no update is lost in one, and at the
// end one matches or none.
func TestConditionalUpdateAgainstDelete(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	var mu sync.Mutex
	told := map[fhir.Key]map[int64]fhir.Method{{Type: "Patient", ID: "a"}: {1: fhir.Updated}}
	together(32, func(i int) {
		var out engine.Outcome
		var err error
		if i%2 == 0 {
			out, err = e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, "", fmt.Sprintf("F%d", i)), engine.Precondition{})
		} else {
			out, err = e.DeleteWhere(t.Context(), alice, "Patient", mrn, engine.Precondition{})
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil && !errors.Is(err, fhir.Conflict):
			t.Error(err)
		case err == nil && out.Changed:
			versions := told[out.Version.Key]
			if versions == nil {
				versions = map[int64]fhir.Method{}
				told[out.Version.Key] = versions
			}
			if versions[out.Version.Number] != 0 {
				t.Errorf("version %d of %s is told twice", out.Version.Number, out.Version.Key)
			}
			versions[out.Version.Number] = out.Version.Method
		}
	})
	for key, versions := range told {
		page, err := e.History(t.Context(), alice, engine.HistoryRequest{Key: key, Count: 100})
		if err != nil || page.Total != len(versions) {
			t.Fatalf("%s has %d versions, %d were told, %v", key, page.Total, len(versions), err)
		}
		for _, v := range page.Versions {
			if v.Method != versions[v.Number] {
				t.Errorf("version %d of %s is %s, but was told as %s", v.Number, key, v.Method, versions[v.Number])
			}
			if v.IsDeleted() && v.Number < int64(page.Total) {
				t.Errorf("%s was brought back by an update of what matches", key)
			}
		}
	}
	if n := count(t, e, mrn); n > 1 {
		t.Errorf("%d match", n)
	}
}

// meddler is a store on which somebody else writes just before commits.
type meddler struct {
	storage.Store
	before func(commit int) // the first commit is 1
	commit int
}

func (m *meddler) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	m.commit++
	m.before(m.commit)
	return m.Store.Commit(ctx, p, ops)
}

// What matched and no longer does when the write comes is not written; what came to match instead is.
func TestConditionalWritesAimAnew(t *testing.T) {
	calls := map[string]func(*engine.Engine) (engine.Outcome, error){
		"update": func(e *engine.Engine) (engine.Outcome, error) {
			return e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, "", "New"), engine.Precondition{})
		},
		"delete": func(e *engine.Engine) (engine.Outcome, error) {
			return e.DeleteWhere(t.Context(), alice, "Patient", mrn, engine.Precondition{})
		},
		"patch": func(e *engine.Engine) (engine.Outcome, error) {
			return e.PatchWhere(t.Context(), alice, "Patient", mrn, changes(t, `[{"op":"add","path":"/active","value":true}]`), engine.Precondition{})
		},
	}
	for _, c := range []struct {
		name   string
		there  []string
		meddle func(e *engine.Engine)
		call   string
		want   string // id of what was written; "*" for a new one; "" for none
		err    error
	}{
		{"the match is another one now", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") }, "update", "b", nil},
		{"the match is another one now", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") }, "delete", "b", nil},
		{"the match is another one now", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other"); have(t, e, "b") }, "patch", "b", nil},
		{"the match matches no longer", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other") }, "patch", "", fhir.NotFound},
		{"the match has changed", []string{"a"}, func(e *engine.Engine) { have(t, e, "a") }, "patch", "a", nil},
		{"the match matches no longer", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other") }, "update", "*", nil},
		{"the match matches no longer", []string{"a"}, func(e *engine.Engine) { put(t, e, alice, "a", "Other") }, "delete", "", nil},
		{"the match has changed", []string{"a"}, func(e *engine.Engine) { have(t, e, "a") }, "update", "a", nil},
		{"the match has changed", []string{"a"}, func(e *engine.Engine) { have(t, e, "a") }, "delete", "a", nil},
		{"one came to match", nil, func(e *engine.Engine) { have(t, e, "b") }, "update", "b", nil},
		{"several came to match", nil, func(e *engine.Engine) { have(t, e, "b", "c") }, "update", "", fhir.PreconditionFailed},
		{"several match, one of them changed", []string{"a"}, func(e *engine.Engine) { have(t, e, "a", "b") }, "delete", "", fhir.PreconditionFailed},
	} {
		t.Run(c.name+", "+c.call, func(t *testing.T) {
			e := newEngine(t)
			have(t, e, c.there...)
			direct := *e
			e.Store = &meddler{Store: e.Store, before: func(commit int) {
				if commit == 1 {
					c.meddle(&direct)
				}
			}}
			out, err := calls[c.call](e)
			if !errors.Is(err, c.err) {
				t.Fatalf("%+v, %v", out, err)
			}
			if got := out.Version.Key.ID; got != c.want && (c.want != "*" || len(got) != 20) {
				t.Errorf("wrote %q, want %q", got, c.want)
			}
			if body := string(out.Version.Body); body != "" && !strings.Contains(body, fmt.Sprintf(`"id":%q`, out.Version.Key.ID)) {
				t.Errorf("%s holds %s", out.Version.Key, body)
			}
			if v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: "a"}); c.want != "a" && len(c.there) > 0 && (err != nil || v.Number != 2) {
				t.Errorf("what matches no longer: %+v, %v", v, err)
			}
		})
	}
}

// A client's If-Match holds for what is written, not only for what was looked at.
func TestConditionalWritesKeepIfMatch(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	direct := *e
	e.Store = &meddler{Store: e.Store, before: func(int) { have(t, &direct, "a") }}
	_, err := e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, "", "New"), engine.Precondition{Version: 1})
	wantKind(t, err, fhir.PreconditionFailed, "should be in version 1")
	_, err = e.DeleteWhere(t.Context(), alice, "Patient", mrn, engine.Precondition{Version: 2})
	wantKind(t, err, fhir.PreconditionFailed, "should be in version 2")
}

// A write that never comes through ends.
func TestConditionalWritesGiveUp(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	direct := *e
	e.Store = &meddler{Store: e.Store, before: func(int) { have(t, &direct, "a") }}
	_, err := e.UpdateWhere(t.Context(), alice, "Patient", mrn, known(t, "", "New"), engine.Precondition{})
	wantKind(t, err, fhir.Conflict, "try it again")
	_, err = e.DeleteWhere(t.Context(), alice, "Patient", mrn, engine.Precondition{})
	wantKind(t, err, fhir.Conflict, "try it again")
	if count(t, e, mrn) != 1 || count(t, e, "family=new") != 0 {
		t.Error("something was written")
	}
}
