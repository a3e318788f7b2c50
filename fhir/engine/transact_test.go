package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	return stateOf(t, e, alice)
}

func stateOf(t testing.TB, e *engine.Engine, who fhir.Principal) map[string]string {
	t.Helper()
	all := map[string]string{}
	request := engine.HistoryRequest{Count: 1000}
	for {
		page, err := e.History(t.Context(), who, request)
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
	e := newTransacting(t)
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
	e := newTransacting(t)
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
		{"several If-Match that do not match", []engine.Change{entry(t, "PUT Patient/b", patientOf("b", "1", "N"), ifMatch(7)), entry(t, "DELETE Patient/c", "", ifMatch(8)), entry(t, "PATCH Patient/a", rename, ifMatch(9)), entry(t, "DELETE Patient/never", "", ifMatch(1))},
			[]fault{{0, fhir.PreconditionFailed, "version 7"}, {1, fhir.PreconditionFailed, "version 8"}, {2, fhir.PreconditionFailed, "version 9"}, {3, fhir.PreconditionFailed, "no such resource"}}},
		{"what a patch leaves", []engine.Change{entry(t, "POST Patient", good), entry(t, "PATCH Patient/b", `[{"op":"add","path":"/colour","value":"red"}]`)},
			[]fault{{1, fhir.Invalid, "colour"}}},
		{"a patch of the type", []engine.Change{entry(t, "PATCH Patient/b", `[{"op":"replace","path":"/resourceType","value":"Person"}]`)}, []fault{{0, fhir.Invalid, "from Patient"}}},
		{"a patch that leaves an untrue narrative", []engine.Change{entry(t, "PATCH Patient/told", `[{"op":"add","path":"/active","value":true}]`)}, []fault{{0, fhir.Unprocessable, "narrative"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransacting(t)
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
	e := newTransacting(t)
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
	e := newTransacting(t)
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

// Conditions that no term narrows are bounded, for each looks at everything; those that one narrows are not. Where hundreds satisfy each other's,
// each is told of one.
func TestConditionsAreBounded(t *testing.T) {
	e := newTransacting(t)
	of := func(n int, change string) (all []engine.Change) {
		for i := range n {
			all = append(all, entry(t, fmt.Sprintf(change, i), patientOf("", strconv.Itoa(i), "New")))
		}
		return all
	}
	_, err := e.Transact(t.Context(), alice, of(101, "POST Patient?family:contains=x%d"))
	wantKind(t, err, fhir.TooCostly, "at most 100")
	if _, err := e.Transact(t.Context(), alice, of(100, "POST Patient?family:contains=x%d")); err != nil {
		t.Error(err)
	}
	if _, err := e.Transact(t.Context(), alice, of(101, "POST Patient?family:contains=x%[1]d&identifier=y%[1]d")); err != nil {
		t.Error(err)
	}
	_, err = newTransacting(t).Transact(t.Context(), alice, of(50, "POST Patient?family=new&birthdate:missing=true&_id:not=%d"))
	var faults engine.ChangeErrors
	if !errors.As(err, &faults) || len(faults) != 2*50 {
		t.Errorf("%d faults: %v", len(faults), err)
	}
}

// What says nothing of what is to be done does nothing: it is not taken for a delete.
func TestChangesSayWhatTheyDo(t *testing.T) {
	e := newTransacting(t)
	have(t, e, "a")
	_, err := e.Write(t.Context(), alice, engine.Change{Key: patientA})
	wantKind(t, err, fhir.Internal, "")
	_, err = e.Transact(t.Context(), alice, []engine.Change{{Action: engine.ActUpdate, Key: patientA}, {Action: engine.ActCreate, Key: fhir.Key{Type: "Patient"}}})
	wantFaults(t, err, fault{0, fhir.Invalid, "resourceType"}, fault{1, fhir.Invalid, "resourceType"})
	if v, err := e.Read(t.Context(), alice, patientA); err != nil || v.Number != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestTransactKeepsPartitionsApart(t *testing.T) {
	e := newTransacting(t)
	have(t, e, "a")
	out, err := e.Transact(t.Context(), bob, []engine.Change{entry(t, "POST Patient?"+mrn, patientOf("", "1", "Bob")), entry(t, "DELETE Patient/a", "")})
	if err != nil || !out[0].Created || out[1].Changed {
		t.Errorf("%+v, %v", out, err)
	}
	if diff := cmp.Diff(map[string]string{"Patient/a": "1 " + patientOf("a", "1", "Old")}, state(t, e)); diff != "" {
		t.Error(diff)
	}
}
