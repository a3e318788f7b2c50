package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// entry makes a change of a line as it stands in Bundle.entry.request, "PUT Patient/a", the resource or patch, and options.
func entry(t testing.TB, request, body string, options ...func(*engine.Change)) engine.Change {
	t.Helper()
	method, url, _ := strings.Cut(request, " ")
	var c engine.Change
	url, c.Criteria, c.Conditional = strings.Cut(url, "?")
	c.Key.Type, c.Key.ID, _ = strings.Cut(url, "/")
	c.Action = map[string]engine.Action{"POST": engine.ActCreate, "PUT": engine.ActUpdate, "PATCH": engine.ActPatch, "DELETE": engine.ActDelete}[method]
	switch {
	case c.Action == engine.ActPatch:
		c.Patch = changes(t, body)
	case body != "":
		r, err := fhir.ParseResource([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		c.Resource = r
	}
	for _, option := range options {
		option(&c)
	}
	return c
}

func fullURL(url string) func(*engine.Change) { return func(c *engine.Change) { c.FullURL = url } }

func ifMatch(version int64) func(*engine.Change) {
	return func(c *engine.Change) { c.Pre.Version = version }
}

func matchRequired(c *engine.Change) { c.Pre.Required = true }

// patientOf is a patient with a medical record number that mrnOf asks for.
func patientOf(id, number, family string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient",%s"identifier":[{"system":"https://example.org/mrn","value":%q}],"name":[{"family":%q}]}`, id, number, family)
}

func mrnOf(number string) string { return "identifier=https://example.org/mrn%7C" + number }

const rename = `[{"op":"replace","path":"/name/0/family","value":"New"}]`

// state is everything that is current in alice's partition, by key: version and body without what is ours.
func state(t testing.TB, e *engine.Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	request := engine.HistoryRequest{Count: 1000}
	for {
		page, err := e.History(t.Context(), alice, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			if _, newer := all[v.Key.String()]; !newer {
				all[v.Key.String()] = plain(t, v)
			}
		}
		if page.Next == "" {
			break
		}
		request = engine.HistoryRequest{Cursor: page.Next}
	}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "deleted" })
	return all
}

// plain is a version without versionId and lastUpdated, "2 {…}".
func plain(t testing.TB, v fhir.Version) string {
	t.Helper()
	if v.IsDeleted() {
		return "deleted"
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		t.Fatal(err)
	}
	meta := r.Root().Object("meta")
	meta.Delete("versionId")
	meta.Delete("lastUpdated")
	if meta.Len() == 0 {
		r.Root().Delete("meta")
	}
	return fmt.Sprintf("%d %s", v.Number, fhir.AppendJSON(nil, r.Root()))
}

// fault is what a refused transaction tells of one change.
type fault struct {
	index int
	kind  fhir.Kind
	words string // "" where any will do
}

// wantFaults holds that an error tells of these faults and no others.
func wantFaults(t *testing.T, err error, want ...fault) {
	t.Helper()
	var all engine.ChangeErrors
	var one *engine.ChangeError
	if !errors.As(err, &one) {
		t.Fatalf("error %v, want faults of changes", err)
	}
	if !errors.As(err, &all) {
		all = engine.ChangeErrors{one}
	}
	if len(all) != len(want) {
		t.Fatalf("%d faults, want %d: %v", len(all), len(want), err)
	}
	for i, w := range want {
		if all[i].Index != w.index {
			t.Errorf("fault %d is of change %d, want %d: %v", i, all[i].Index, w.index, err)
		}
		wantKind(t, all[i].Err, w.kind, w.words)
	}
}

func TestTransact(t *testing.T) {
	e := newEngine(t)
	commit(t, e, resource(t, "%s", patientOf("updated", "1", "Old")), resource(t, "%s", patientOf("patched", "2", "Old")), resource(t, "%s", patientOf("deleted", "3", "Old")))
	out, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "PUT Patient/updated", patientOf("updated", "1", "New")),
		entry(t, "PATCH Patient/patched", rename, ifMatch(1)),
		entry(t, "POST Patient", patientOf("mine", "4", "New")),
		entry(t, "DELETE Patient/never", ""),
		entry(t, "DELETE Patient/deleted", ""),
		entry(t, "PUT Patient/made", patientOf("made", "5", "New")),
	})
	if err != nil {
		t.Fatal(err)
	}
	made := out[2].Version.Key.ID
	if len(made) != 20 {
		t.Errorf("a create gives its own id, not %s", made)
	}
	for i, want := range []engine.Outcome{
		{Version: fhir.Version{Key: fhir.Key{Type: "Patient", ID: "updated"}, Number: 2, Method: fhir.Updated}, Changed: true},
		{Version: fhir.Version{Key: fhir.Key{Type: "Patient", ID: "patched"}, Number: 2, Method: fhir.Updated}, Changed: true},
		{Version: fhir.Version{Key: fhir.Key{Type: "Patient", ID: made}, Number: 1, Method: fhir.Created}, Changed: true, Created: true},
		{},
		{Version: fhir.Version{Key: fhir.Key{Type: "Patient", ID: "deleted"}, Number: 2, Method: fhir.Deleted}, Changed: true},
		{Version: fhir.Version{Key: fhir.Key{Type: "Patient", ID: "made"}, Number: 1, Method: fhir.Updated}, Changed: true, Created: true},
	} {
		out[i].Version.Instant, out[i].Version.Body = 0, nil
		if diff := cmp.Diff(want, out[i]); diff != "" {
			t.Errorf("change %d: %s", i, diff)
		}
	}
	want := map[string]string{
		"Patient/updated": "2 " + patientOf("updated", "1", "New"), "Patient/patched": "2 " + patientOf("patched", "2", "New"),
		"Patient/made": "1 " + patientOf("made", "5", "New"), "Patient/" + made: "1 " + patientOf(made, "4", "New"),
	}
	if diff := cmp.Diff(want, state(t, e)); diff != "" {
		t.Error(diff)
	}
	if out, err := e.Transact(t.Context(), alice, nil); err != nil || len(out) != 0 {
		t.Errorf("no changes: %v, %v", out, err)
	}
}

// Deletes are carried out first, then creates, then updates and patches, whatever their order in the Bundle: so they stand in the history.
func TestTransactOrder(t *testing.T) {
	e := newEngine(t)
	have(t, e, "deleted", "patched")
	_, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "PUT Patient/put", patientOf("put", "2", "New")),
		entry(t, "POST Patient", patientOf("", "3", "New")),
		entry(t, "PATCH Patient/patched", rename),
		entry(t, "DELETE Patient/deleted", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := e.History(t.Context(), alice, engine.HistoryRequest{Key: fhir.Key{Type: "Patient"}, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, v := range slices.Backward(page.Versions) {
		methods = append(methods, v.Method.String())
	}
	if got := strings.Join(methods, " "); got != "DELETE POST PUT PUT" {
		t.Errorf("carried out as %s", got)
	}
}

// Every fault of every change is told, and nothing is written.
func TestTransactFaults(t *testing.T) {
	bad := `{"resourceType":"Patient","colour":"red","gender":"m"}`
	good := patientOf("", "9", "New")
	for _, c := range []struct {
		name    string
		changes []engine.Change
		want    []fault
	}{
		{"one that is not valid", []engine.Change{entry(t, "POST Patient", good), entry(t, "POST Patient", bad)}, []fault{{1, fhir.Invalid, "colour"}}},
		{"several", []engine.Change{
			entry(t, "POST Patient", bad), entry(t, "POST Patient", good), entry(t, "PUT Patient/x", patientOf("y", "1", "N")),
			entry(t, "DELETE Device/a", ""), entry(t, "PUT AuditEvent/a", `{"resourceType":"AuditEvent","id":"a"}`),
			entry(t, "DELETE Patient?zzz=1", ""), entry(t, "POST Patient?", good),
			entry(t, "PUT Subscription/s", subscription("active", "Patient?active=true")),
		}, []fault{{0, fhir.Invalid, "gender"}, {2, fhir.Invalid, "Patient.id"}, {3, fhir.NotFound, "Device"}, {4, fhir.MethodNotAllowed, "AuditEvent"},
			{5, fhir.Invalid, "zzz"}, {6, fhir.Invalid, "no search parameter"}, {7, fhir.Unprocessable, "requested or off"}}},
		{"against what is there", []engine.Change{
			entry(t, "POST Patient", good), entry(t, "PATCH Patient/never", rename), entry(t, "PATCH Patient/gone", rename), entry(t, "PATCH Patient/a", `[{"op":"test","path":"/active","value":true}]`),
			entry(t, "PUT Patient/b", patientOf("b", "1", "N"), matchRequired), entry(t, "DELETE Patient/c", "", matchRequired), entry(t, "DELETE Patient?family=many", ""),
		}, []fault{{1, fhir.NotFound, "never"}, {2, fhir.Gone, "gone"}, {3, fhir.Unprocessable, "active"}, {4, fhir.PreconditionRequired, `W/"1"`},
			{5, fhir.PreconditionRequired, `W/"1"`}, {6, fhir.PreconditionFailed, "Several"}}},
		{"an If-Match that does not match", []engine.Change{entry(t, "POST Patient", good), entry(t, "PUT Patient/b", patientOf("b", "1", "N"), ifMatch(7))},
			[]fault{{1, fhir.PreconditionFailed, "version 7"}}},
		{"an If-Match that does not match in a delete", []engine.Change{entry(t, "POST Patient", good), entry(t, "DELETE Patient/b", "", ifMatch(7))},
			[]fault{{1, fhir.PreconditionFailed, "version 7"}}},
		{"what a patch leaves", []engine.Change{entry(t, "POST Patient", good), entry(t, "PATCH Patient/b", `[{"op":"add","path":"/colour","value":"red"}]`)},
			[]fault{{1, fhir.Invalid, "colour"}}},
		{"a patch of the type", []engine.Change{entry(t, "PATCH Patient/b", `[{"op":"replace","path":"/resourceType","value":"Person"}]`)}, []fault{{0, fhir.Invalid, "from Patient"}}},
		{"a patch that leaves an untrue narrative", []engine.Change{entry(t, "PATCH Patient/told", `[{"op":"add","path":"/active","value":true}]`)}, []fault{{0, fhir.Unprocessable, "narrative"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			for _, id := range []string{"a", "b", "c"} {
				put(t, e, alice, id, "Many")
			}
			put(t, e, alice, "gone", "Old")
			commit(t, e, resource(t, `{"resourceType":"Patient","id":"told","text":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ash</div>"}}`))
			if _, err := e.Write(t.Context(), alice, entry(t, "DELETE Patient/gone", "")); err != nil {
				t.Fatal(err)
			}
			before := state(t, e)
			out, err := e.Transact(t.Context(), alice, c.changes)
			if out != nil {
				t.Errorf("outcomes of what was refused: %v", out)
			}
			wantFaults(t, err, c.want...)
			if diff := cmp.Diff(before, state(t, e)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A large transaction that fails with its last change leaves no trace, and succeeds as a whole without it.
func TestTransactAllOrNothing(t *testing.T) {
	e := newEngine(t)
	put(t, e, alice, "last", "Old")
	const n = 500
	many := func(more ...engine.Change) []engine.Change {
		var all []engine.Change
		for i := range n {
			all = append(all, entry(t, "POST Patient", patientOf("", fmt.Sprint(i), "New")))
		}
		return append(all, more...)
	}
	_, err := e.Transact(t.Context(), alice, many(entry(t, "PUT Patient/last", patientOf("last", "x", "New"), ifMatch(7))))
	wantFaults(t, err, fault{n, fhir.PreconditionFailed, "version 7"})
	if all := state(t, e); len(all) != 1 {
		t.Fatalf("%d resources are left", len(all))
	}
	if _, err := e.Transact(t.Context(), alice, many()); err != nil || count(t, e, "family=new") != n {
		t.Errorf("%d of %d are found, %v", count(t, e, "family=new"), n, err)
	}
	events, err := e.Store.Events(t.Context(), 0, 2*n)
	if err != nil || len(events) != n+1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// One resource cannot hold up all writers, nor can many small ones.
func TestTransactIsBounded(t *testing.T) {
	e := newEngine(t)
	var many []engine.Change
	for range 11 {
		many = append(many, entry(t, "POST Patient", `{"resourceType":"Patient","name":[{"given":["n1"`+manyNames(4_900)+`]}]}`))
	}
	_, err := e.Transact(t.Context(), alice, many)
	wantKind(t, err, fhir.TooLarge, "at most 100000")
	if _, err := e.Transact(t.Context(), alice, many[:2]); err != nil {
		t.Error(err)
	}
}

func TestTransactKeepsPartitionsApart(t *testing.T) {
	e := newEngine(t)
	have(t, e, "a")
	out, err := e.Transact(t.Context(), bob, []engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "Bob")), entry(t, "DELETE Patient/a", "")})
	if err != nil || !out[0].Created || out[1].Changed {
		t.Errorf("%+v, %v", out, err)
	}
	if diff := cmp.Diff(map[string]string{"Patient/a": "1 " + patientOf("a", "1", "Old")}, state(t, e)); diff != "" {
		t.Error(diff)
	}
}

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
			e := newEngineOf(t, "Patient", "Observation")
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
	e := newEngine(t)
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
	e := newEngine(t)
	e.Store = failing{e.Store}
	for _, changes := range [][]engine.Change{{entry(t, "POST Patient", patientOf("", "1", "New"))}, {entry(t, "PATCH Patient/a", rename)}} {
		_, err := e.Transact(t.Context(), alice, changes)
		var fault *engine.ChangeError
		if !errors.Is(err, fhir.Unavailable) || errors.As(err, &fault) {
			t.Errorf("%v", err)
		}
	}
}

// Equal transactions that come at once make one resource, to which all refer.
func TestConcurrentEqualTransactions(t *testing.T) {
	e := newEngineOf(t, "Patient", "Observation")
	const clients = 16
	var mu sync.Mutex
	created, keys := 0, map[fhir.Key]int{}
	together(clients, func(int) {
		out, err := e.Transact(t.Context(), alice, []engine.Change{
			entry(t, "POST Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:p"}}`),
			entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:uuid:p")),
		})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		if out[1].Created {
			created++
		}
		keys[out[1].Version.Key]++
	})
	if created != 1 || len(keys) != 1 || count(t, e, "") != 1 {
		t.Errorf("%d created, %v, %d patients", created, keys, count(t, e, ""))
	}
	for key := range keys {
		if n := len(found(t, e, "Observation", "subject="+key.String())); n != clients {
			t.Errorf("%d Observations refer to %s", n, key)
		}
	}
}

// Transactions that overlap move amounts between the same resources: whatever succeeds was carried out whole, so that the sum stays.
func TestConcurrentTransfers(t *testing.T) {
	e := newEngine(t)
	const accounts, each, clients, rounds = 3, 100, 16, 6
	account := func(i, amount int) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","multipleBirthInteger":%d}`, i, amount)
	}
	read := func(i int) (amount int, version int64) {
		v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: fmt.Sprintf("p%d", i)})
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		r, err := fhir.ParseResource(v.Body)
		if err != nil {
			t.Error(err)
		}
		n, _ := r.Root().Get("multipleBirthInteger")
		_, err = fmt.Sscan(fmt.Sprint(n), &amount)
		if err != nil {
			t.Error(err)
		}
		return amount, v.Number
	}
	for i := range accounts {
		commit(t, e, resource(t, "%s", account(i, each)))
	}
	var mu sync.Mutex
	won, moved := 0, int64(0)
	together(clients, func(client int) {
		for round := range rounds {
			from, to := (client+round)%accounts, (client+2*round+1)%accounts
			if from == to {
				continue
			}
			a, va := read(from)
			b, vb := read(to)
			_, err := e.Transact(t.Context(), alice, []engine.Change{
				entry(t, fmt.Sprintf("PUT Patient/p%d", from), account(from, a-1), ifMatch(va)),
				entry(t, fmt.Sprintf("PUT Patient/p%d", to), account(to, b+1), ifMatch(vb)),
			})
			mu.Lock()
			switch {
			case err == nil:
				won++
				moved += 2
			case !errors.Is(err, fhir.PreconditionFailed) && !errors.Is(err, fhir.Conflict):
				t.Error(err)
			}
			mu.Unlock()
		}
	})
	sum, versions := 0, int64(0)
	for i := range accounts {
		amount, version := read(i)
		sum, versions = sum+amount, versions+version-1
	}
	if sum != accounts*each || versions != moved || won == 0 {
		t.Errorf("%d transfers won; the sum is %d, want %d; %d versions were written, want %d", won, sum, accounts*each, versions, moved)
	}
}

// Patches of the same resources in transactions all succeed: each is applied to what the others left, all or nothing.
func TestConcurrentPatchingTransactions(t *testing.T) {
	e := newEngine(t)
	for _, id := range []string{"a", "b"} {
		commit(t, e, resource(t, `{"resourceType":"Patient","id":%q,"name":[{"given":["Zero"]}]}`, id))
	}
	const clients = 16
	together(clients, func(i int) {
		add := fmt.Sprintf(`[{"op":"add","path":"/name/0/given/-","value":"G%d"}]`, i)
		ids := []string{"a", "b"}
		if i%2 == 1 { // the order of entries is no matter
			slices.Reverse(ids)
		}
		if _, err := e.Transact(t.Context(), alice, []engine.Change{entry(t, "PATCH Patient/"+ids[0], add), entry(t, "PATCH Patient/"+ids[1], add)}); err != nil {
			t.Error(err)
		}
	})
	var names []string
	for _, id := range []string{"a", "b"} {
		v, err := e.Read(t.Context(), alice, fhir.Key{Type: "Patient", ID: id})
		if err != nil || v.Number != clients+1 {
			t.Fatalf("version %d, %v", v.Number, err)
		}
		_, list, _ := strings.Cut(string(v.Body), "given")
		names = append(names, list)
	}
	if names[0] != names[1] || strings.Count(names[0], "G") != clients {
		t.Errorf("the transactions mixed: %v", names)
	}
}
