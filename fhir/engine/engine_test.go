package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

var (
	alice = fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Client: "alice"}
	bob   = fhir.Principal{Partition: "other/test", Scopes: fhir.Unlimited(), Client: "bob"}
)

var served = []string{"AuditEvent", "Patient", "Subscription"}

// newEngine opens an engine on a store of its own, with a clock that stands still.
func newEngine(t testing.TB) *engine.Engine {
	t.Helper()
	return newEngineOf(t, served...)
}

// newEngineOf is newEngine for other types.
func newEngineOf(t testing.TB, served ...string) *engine.Engine {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	rules, err := search.NewRules(search.Config{Types: served, BaseURL: "http://example.org/fhir"})
	if err != nil {
		t.Fatal(err)
	}
	store := anystore.Open(t, rules, now)
	e, err := engine.New(t.Context(), engine.Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: served, ReadOnly: []string{"AuditEvent"},
		Now: now, NewID: fhir.NewID, SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newTransacting is newEngine for tests of transactions, which are skipped where the store has none.
func newTransacting(t testing.TB) *engine.Engine {
	t.Helper()
	return newTransactingOf(t, served...)
}

// newTransactingOf is newTransacting for other types.
func newTransactingOf(t testing.TB, served ...string) *engine.Engine {
	t.Helper()
	e := newEngineOf(t, served...)
	mustTransact(t, e.Store)
	return e
}

// mustTransact skips a test where the store has no transactions.
func mustTransact(t testing.TB, s storage.Store) {
	t.Helper()
	if !s.Transactions() {
		t.Skipf("the store that %s chooses has no transactions", anystore.Variable)
	}
}

func resource(t *testing.T, format string, args ...any) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource(fmt.Appendf(nil, format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// put stores a patient under an id, in a family.
func put(t *testing.T, e *engine.Engine, who fhir.Principal, id, family string) engine.Outcome {
	t.Helper()
	out, err := e.Update(t.Context(), who, fhir.Key{Type: "Patient", ID: id},
		resource(t, `{"resourceType":"Patient","id":%q,"name":[{"family":%q}]}`, id, family), engine.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func subscription(status, criteria string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","id":"s","status":%q,"reason":"r","criteria":%q,"channel":{"type":"rest-hook","endpoint":"https://example.org"}}`, status, criteria)
}

// manyNames is a list of different names, each behind a comma.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d"`, i+2)
	}
	return b.String()
}

func wantKind(t *testing.T, err error, kind fhir.Kind, words string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want kind %q with %q", err, kind, words)
	}
}

func TestLifeOfAResource(t *testing.T) {
	e := newEngine(t)
	ctx := t.Context()
	created, err := e.Create(ctx, alice, resource(t, `{"resourceType":"Patient","id":"mine","birthDate":"1970-01-31"}`))
	if err != nil {
		t.Fatal(err)
	}
	if created.Key.ID == "mine" || len(created.Key.ID) < 18 || created.Number != 1 {
		t.Errorf("created %s version %d: a create gives its own id", created.Key, created.Number)
	}
	key := created.Key
	updated, err := e.Update(ctx, alice, key, resource(t, `{"resourceType":"Patient","id":%q,"active":true}`, key.ID), engine.Precondition{Version: 1})
	if err != nil || updated.Created || updated.Version.Number != 2 {
		t.Fatalf("update: %+v, %v", updated, err)
	}
	deleted, err := e.Delete(ctx, alice, key, engine.Precondition{})
	if err != nil || !deleted.Changed || deleted.Version.Number != 3 {
		t.Fatalf("delete: %+v, %v", deleted, err)
	}
	again, err := e.Delete(ctx, alice, key, engine.Precondition{})
	if err != nil || again.Changed {
		t.Errorf("second delete: %+v, %v", again, err)
	}
	_, err = e.Read(ctx, alice, key)
	wantKind(t, err, fhir.Gone, "deleted")
	_, err = e.ReadVersion(ctx, alice, key, 3)
	wantKind(t, err, fhir.Gone, "deleted")
	if v, err := e.ReadVersion(ctx, alice, key, 1); err != nil || !strings.Contains(string(v.Body), "1970-01-31") {
		t.Errorf("version 1: %s, %v", v.Body, err)
	}
	back, err := e.Update(ctx, alice, key, resource(t, `{"resourceType":"Patient","id":%q}`, key.ID), engine.Precondition{})
	if err != nil || !back.Created || back.Version.Number != 4 {
		t.Errorf("update after delete: %+v, %v", back, err)
	}
	page, err := e.History(ctx, alice, engine.HistoryRequest{Key: key, Count: 10})
	if err != nil || page.Total != 4 || len(page.Versions) != 4 || page.Versions[0].Number != 4 || page.Next != "" {
		t.Errorf("history: %+v, %v", page, err)
	}
}

func TestRefusals(t *testing.T) {
	e := newEngine(t)
	patient := fhir.Key{Type: "Patient", ID: "a"}
	put(t, e, alice, "a", "One")
	update := func(key fhir.Key, pre engine.Precondition, text string) error {
		_, err := e.Update(t.Context(), alice, key, resource(t, "%s", text), pre)
		return err
	}
	plain := `{"resourceType":"Patient","id":"a"}`
	none := engine.Precondition{}
	for _, c := range []struct {
		name  string
		err   error
		kind  fhir.Kind
		words string
	}{
		{"a type that is not served", update(fhir.Key{Type: "Device", ID: "a"}, none, plain), fhir.NotFound, "Device"},
		{"a type that is read only", update(fhir.Key{Type: "AuditEvent", ID: "a"}, none, plain), fhir.MethodNotAllowed, "AuditEvent"},
		{"an id unlike the URL's", update(fhir.Key{Type: "Patient", ID: "b"}, none, plain), fhir.Invalid, "Patient.id"},
		{"more to index than one write may cost", update(patient, none, `{"resourceType":"Patient","id":"a","name":[{"given":["n1"`+manyNames(20_000)+`]}]}`), fhir.Unprocessable, "at most 10000"},
		{"no id", update(patient, none, `{"resourceType":"Patient"}`), fhir.Invalid, "must have the id"},
		{"a type unlike the URL's", update(patient, none, `{"resourceType":"Subscription","id":"a"}`), fhir.Invalid, "resourceType"},
		{"an id that is none", update(fhir.Key{Type: "Patient", ID: "a_b"}, none, plain), fhir.Invalid, "a_b"},
		{"an unknown element", update(patient, none, `{"resourceType":"Patient","id":"a","colour":"red"}`), fhir.Invalid, "colour"},
		{"an old version", update(patient, engine.Precondition{Version: 7}, plain), fhir.PreconditionFailed, ""},
		{"If-None-Match on what exists", update(patient, engine.Precondition{Absent: true}, plain), fhir.PreconditionFailed, "exists"},
		{"no If-Match where it is required", update(patient, engine.Precondition{Required: true}, plain), fhir.PreconditionRequired, `W/"1"`},
		{"If-Match: * on what does not exist", update(fhir.Key{Type: "Patient", ID: "n"}, engine.Precondition{Exists: true}, `{"resourceType":"Patient","id":"n"}`), fhir.PreconditionFailed, "does not exist"},
		{"a Subscription that calls itself active", update(fhir.Key{Type: "Subscription", ID: "s"}, none,
			subscription("active", "Patient?active=true")), fhir.Unprocessable, "requested or off"},
		{"a Subscription to what is not served", update(fhir.Key{Type: "Subscription", ID: "s"}, none, subscription("requested", "Foo?zzz=1")), fhir.Unprocessable, "Subscription.criteria"},
		{"a Subscription to everything", update(fhir.Key{Type: "Subscription", ID: "s"}, none, subscription("requested", "Patient?")), fhir.Unprocessable, "Subscription.criteria"},
		{"a Subscription by an unknown parameter", update(fhir.Key{Type: "Subscription", ID: "s"}, none, subscription("requested", "Patient?zzz=1")), fhir.Unprocessable, "zzz"},
	} {
		t.Run(c.name, func(t *testing.T) { wantKind(t, c.err, c.kind, c.words) })
	}
	if v, err := e.Read(t.Context(), alice, patient); err != nil || v.Number != 1 {
		t.Errorf("after refusals only, the patient is at version %d, %v", v.Number, err)
	}
}

func TestPreconditionsThatHold(t *testing.T) {
	e := newEngine(t)
	key := fhir.Key{Type: "Patient", ID: "a"}
	for i, pre := range []engine.Precondition{{Absent: true}, {Exists: true}, {Version: 2, Required: true}, {Exists: true, Required: true}} {
		out, err := e.Update(t.Context(), alice, key, resource(t, `{"resourceType":"Patient","id":"a"}`), pre)
		if err != nil || out.Version.Number != int64(i+1) {
			t.Errorf("%+v: %+v, %v", pre, out, err)
		}
	}
	if out, err := e.Update(t.Context(), alice, fhir.Key{Type: "Patient", ID: "new"}, resource(t, `{"resourceType":"Patient","id":"new"}`), engine.Precondition{Required: true}); err != nil || !out.Created {
		t.Errorf("If-Match is asked for only where there is something to match: %+v, %v", out, err)
	}
}

// TestConcurrentIfMatchAny has many writers that all demand "whatever version there is": none may fail for
// another's sake more often than attempts allow, and no version may be lost.
func TestConcurrentIfMatchAny(t *testing.T) {
	e := newEngine(t)
	put(t, e, alice, "a", "Zero")
	var group sync.WaitGroup
	var mu sync.Mutex
	won := int64(0)
	for i := range 16 {
		group.Go(func() {
			_, err := e.Update(t.Context(), alice, fhir.Key{Type: "Patient", ID: "a"},
				resource(t, `{"resourceType":"Patient","id":"a","name":[{"family":"F%d"}]}`, i), engine.Precondition{Exists: true})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, fhir.PreconditionFailed):
				t.Error(err)
			}
		})
	}
	group.Wait()
	v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: "a"})
	if err != nil || won == 0 || v.Number != won+1 {
		t.Errorf("%d writers won, version %d, %v", won, v.Number, err)
	}
}

func TestSearchPagesCarryTheirQuery(t *testing.T) {
	e := newEngine(t)
	for i := range 7 {
		put(t, e, alice, fmt.Sprintf("p%d", i), "Same")
	}
	put(t, e, alice, "x", "Other")
	put(t, e, bob, "b", "Same")
	request := engine.SearchRequest{Type: "Patient", Query: "family=same&_count=3", Face: "1"}
	var got []string
	pages := 0
	for {
		page, err := e.Search(t.Context(), alice, request)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != 7 || !page.Counted {
			t.Errorf("total %d, counted %v", page.Total, page.Counted)
		}
		for _, v := range page.Versions {
			got = append(got, v.Key.ID)
		}
		if pages++; page.Next == "" || pages > 5 {
			break
		}
		if strings.Contains(page.Next, "same") {
			t.Error("a cursor shows what was searched")
		}
		request.Query = engine.CursorParam + "=" + page.Next
	}
	if want := "p6 p5 p4 p3 p2 p1 p0"; strings.Join(got, " ") != want {
		t.Errorf("newest first: got %v, want %s", got, want)
	}
}

// TestLongSearchesCanBePaged: the cursor carries the query, and the link to the next page has to fit into a URL all the same.
func TestLongSearchesCanBePaged(t *testing.T) {
	e := newEngine(t)
	for i := range 3 {
		put(t, e, alice, fmt.Sprintf("p%d", i), "Same")
	}
	values := []string{"same"}
	for range 150 {
		values = append(values, fhir.NewID(time.Now())+fhir.NewID(time.Now()))
	}
	request := engine.SearchRequest{Type: "Patient", Query: "_count=1&family=" + strings.Join(values, ","), Face: "1"}
	for page := range 3 {
		found, err := e.Search(t.Context(), alice, request)
		if err != nil || len(found.Versions) != 1 {
			t.Fatalf("page %d: %+v, %v", page, found, err)
		}
		if len(found.Next) > 6000 || (page < 2) != (found.Next != "") {
			t.Fatalf("page %d: the next cursor has %d characters", page, len(found.Next))
		}
		request.Query = engine.CursorParam + "=" + found.Next
	}
	_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: engine.CursorParam + "=~gone", Face: "1"})
	wantKind(t, err, fhir.Invalid, "cursor")
}

func TestCursorsAreBound(t *testing.T) {
	e := newEngine(t)
	for i := range 3 {
		put(t, e, alice, fmt.Sprintf("p%d", i), "Same")
	}
	ask := func(who fhir.Principal, face, query string) (engine.SearchPage, error) {
		return e.Search(t.Context(), who, engine.SearchRequest{Type: "Patient", Query: query, Face: face})
	}
	page, err := ask(alice, "1", "_count=1")
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	next := engine.CursorParam + "=" + page.Next
	if _, err := ask(alice, "1", next+"&_format=json"); err != nil {
		t.Errorf("a format may go with a cursor: %v", err)
	}
	if first, err := ask(alice, "1", engine.CursorParam+"=&family=same"); err != nil || len(first.Versions) != 3 {
		t.Errorf("an empty parameter is ignored: %+v, %v", first, err)
	}
	for name, call := range map[string]func() (engine.SearchPage, error){
		"a line break":        func() (engine.SearchPage, error) { return ask(alice, "1", next+"%0A") },
		"a line break within": func() (engine.SearchPage, error) { return ask(alice, "1", next[:20]+"%0D%0A"+next[20:]) },
		"another partition":   func() (engine.SearchPage, error) { return ask(bob, "1", next) },
		"another API version": func() (engine.SearchPage, error) { return ask(alice, "2", next) },
		"a changed byte":      func() (engine.SearchPage, error) { return ask(alice, "1", flip(next)) },
		"another parameter":   func() (engine.SearchPage, error) { return ask(alice, "1", next+"&family=x") },
		"two cursors":         func() (engine.SearchPage, error) { return ask(alice, "1", next+"&"+next) },
		"no base64":           func() (engine.SearchPage, error) { return ask(alice, "1", engine.CursorParam+"=!!") },
		"nothing":             func() (engine.SearchPage, error) { return ask(alice, "1", engine.CursorParam+"=AA") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := call()
			wantKind(t, err, fhir.Invalid, "cursor")
		})
	}
}

// flip changes one character in the middle of a cursor.
func flip(s string) string {
	b := []byte(s)
	b[len(b)/2] ^= 'A' ^ 'B'
	return string(b)
}

func TestPartitionsNeverMeet(t *testing.T) {
	e := newEngine(t)
	put(t, e, alice, "a", "Alice")
	key := fhir.Key{Type: "Patient", ID: "a"}
	_, err := e.Read(t.Context(), bob, key)
	wantKind(t, err, fhir.NotFound, "")
	_, err = e.ReadVersion(t.Context(), bob, key, 1)
	wantKind(t, err, fhir.NotFound, "")
	if out, err := e.Delete(t.Context(), bob, key, engine.Precondition{}); err != nil || out.Changed {
		t.Errorf("bob deleted what is not his: %+v, %v", out, err)
	}
	if out := put(t, e, bob, "a", "Bob"); !out.Created || out.Version.Number != 1 {
		t.Errorf("the same id in another partition is another resource: %+v", out)
	}
	if v, err := e.Read(t.Context(), alice, key); err != nil || !strings.Contains(string(v.Body), "Alice") {
		t.Errorf("alice reads %s, %v", v.Body, err)
	}
}

func TestValidateStoresNothing(t *testing.T) {
	e := newEngine(t)
	ask := func(req engine.ValidateRequest) ([]fhir.Issue, error) { return e.Validate(t.Context(), alice, req) }
	good := resource(t, `{"resourceType":"Patient","id":"a","active":true}`)
	bad := resource(t, `{"resourceType":"Patient","id":"a","active":"yes","gender":"m"}`)
	if issues, err := ask(engine.ValidateRequest{Type: "Patient", Resource: good}); err != nil || hasErrors(issues) {
		t.Errorf("a good patient: %v, %v", issues, err)
	}
	if issues, err := ask(engine.ValidateRequest{Type: "Patient", Resource: bad}); err != nil || len(issues) < 2 {
		t.Errorf("two faults: %v, %v", issues, err)
	}
	if issues, err := ask(engine.ValidateRequest{Type: "Patient", ID: "b", Mode: "update", Resource: good}); err != nil || !hasErrors(issues) {
		t.Errorf("an update of another id: %v, %v", issues, err)
	}
	if issues, err := ask(engine.ValidateRequest{Type: "AuditEvent", Mode: "delete"}); err != nil || !hasErrors(issues) {
		t.Errorf("a read-only type cannot be deleted: %v, %v", issues, err)
	}
	_, err := ask(engine.ValidateRequest{Type: "Patient", Mode: "guess", Resource: good})
	wantKind(t, err, fhir.Invalid, "guess")
	_, err = ask(engine.ValidateRequest{Type: "Patient"})
	wantKind(t, err, fhir.Invalid, "no resource")
	_, err = e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: "a"})
	wantKind(t, err, fhir.NotFound, "")
}

func hasErrors(issues []fhir.Issue) bool {
	for _, i := range issues {
		if i.Severity == fhir.Severe || i.Severity == fhir.Fatal {
			return true
		}
	}
	return false
}

func FuzzCursor(f *testing.F) {
	f.Add("AAAA")
	f.Add("")
	e := newEngine(f)
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: engine.CursorParam + "=" + cursor, Face: "1"})
		if err != nil && !errors.Is(err, fhir.Invalid) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	})
}
