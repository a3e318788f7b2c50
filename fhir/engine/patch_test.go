package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/patch"
	"github.com/portico-health/portico/storage"
)

func changes(t testing.TB, text string) patch.Patch {
	t.Helper()
	p, err := patch.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var patientA = fhir.Key{Type: "Patient", ID: "a"}

// store puts a patient with members behind its id, as version 1.
func store(t *testing.T, e *engine.Engine, members string) {
	t.Helper()
	_, err := e.Update(t.Context(), alice, patientA, resource(t, `{"resourceType":"Patient","id":"a",%s}`, members), engine.Precondition{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPatch(t *testing.T) {
	e := newEngine(t)
	store(t, e, `"meta":{"tag":[{"code":"x"}]},"active":true,"name":[{"family":"Ash"}],"extension":[{"url":"http://example.org/e","valueDecimal":1.50}]`)
	for i, pre := range []engine.Precondition{{}, {Version: 2}, {Exists: true}, {Version: 4, Required: true}, {Exists: true, Required: true}} {
		out, err := e.Patch(t.Context(), alice, patientA, changes(t, fmt.Sprintf(`[{"op":"test","path":"/meta/versionId","value":"%d"},{"op":"add","path":"/name/0/given","value":["G%d"]}]`, i+1, i)), pre)
		if err != nil || out.Version.Number != int64(i+2) || out.Created || !out.Changed || out.Version.Method != fhir.Updated {
			t.Fatalf("%+v: %+v, %v", pre, out, err)
		}
	}
	v, err := e.Read(t.Context(), alice, patientA)
	want := `{"resourceType":"Patient","id":"a","meta":{"versionId":"6","lastUpdated":"` + v.Instant.String() + `","tag":[{"code":"x"}]},"active":true,` +
		`"name":[{"family":"Ash","given":["G4"]}],"extension":[{"url":"http://example.org/e","valueDecimal":1.50}]}`
	if err != nil || string(v.Body) != want {
		t.Errorf("%v\n got %s\nwant %s", err, v.Body, want)
	}
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: "given=g4", Face: "1"})
	if err != nil || len(page.Versions) != 1 {
		t.Errorf("a search does not see what was patched: %+v, %v", page, err)
	}
}

func TestPatchIsCheckedAsAnUpdate(t *testing.T) {
	e := newEngine(t)
	store(t, e, `"active":true`)
	out, err := e.Patch(t.Context(), alice, patientA, changes(t, `[{"op":"add","path":"/deceasedDateTime","value":"2026-01-31T10:30:00+01:00"}]`), engine.Precondition{})
	if err != nil || !strings.Contains(string(out.Version.Body), `"2026-01-31T09:30:00Z"`) {
		t.Errorf("times are stored in UTC: %s, %v", out.Version.Body, err)
	}
}

func TestPatchRefusals(t *testing.T) {
	e := newEngine(t)
	store(t, e, `"active":true,"contact":[{"name":{"text":"Eve"}}]`)
	put(t, e, alice, "gone", "Ash")
	if _, err := e.Delete(t.Context(), alice, fhir.Key{Type: "Patient", ID: "gone"}, engine.Precondition{}); err != nil {
		t.Fatal(err)
	}
	key := func(resourceType, id string) fhir.Key { return fhir.Key{Type: resourceType, ID: id} }
	nothing := `[]`
	for _, c := range []struct {
		name  string
		who   fhir.Principal
		key   fhir.Key
		patch string
		pre   engine.Precondition
		kind  fhir.Kind
		words string
	}{
		{"what never was", alice, key("Patient", "never"), nothing, engine.Precondition{}, fhir.NotFound, ""},
		{"another partition's", bob, patientA, nothing, engine.Precondition{}, fhir.NotFound, ""},
		{"a deleted one", alice, key("Patient", "gone"), nothing, engine.Precondition{}, fhir.Gone, "deleted"},
		{"a deleted one, with its version", alice, key("Patient", "gone"), nothing, engine.Precondition{Version: 2}, fhir.Gone, "deleted"},
		{"a type that is not served", alice, key("Device", "a"), nothing, engine.Precondition{}, fhir.NotFound, "Device"},
		{"a type that is read only", alice, key("AuditEvent", "a"), nothing, engine.Precondition{}, fhir.MethodNotAllowed, "AuditEvent"},
		{"an old version", alice, patientA, nothing, engine.Precondition{Version: 7}, fhir.PreconditionFailed, "version 7"},
		{"an old version, before the patch is looked at", alice, patientA, `[{"op":"remove","path":"/x"}]`, engine.Precondition{Version: 7}, fhir.PreconditionFailed, "version 7"},
		{"If-None-Match: *", alice, patientA, nothing, engine.Precondition{Absent: true}, fhir.PreconditionFailed, "exists"},
		{"no If-Match where it is required", alice, patientA, nothing, engine.Precondition{Required: true}, fhir.PreconditionRequired, `W/"1"`},
		{"an operation that cannot be applied", alice, patientA, `[{"op":"remove","path":"/name/0"}]`, engine.Precondition{}, fhir.Unprocessable, `"/name"`},
		{"a test that fails", alice, patientA, `[{"op":"replace","path":"/active","value":false},{"op":"test","path":"/active","value":true}]`, engine.Precondition{}, fhir.Unprocessable, "Operation 1"},
		{"another id", alice, patientA, `[{"op":"replace","path":"/id","value":"b"}]`, engine.Precondition{}, fhir.Invalid, "Patient.id"},
		{"no id", alice, patientA, `[{"op":"remove","path":"/id"}]`, engine.Precondition{}, fhir.Invalid, "Patient.id"},
		{"another type", alice, patientA, `[{"op":"replace","path":"/resourceType","value":"Person"}]`, engine.Precondition{}, fhir.Invalid, "from Patient to"},
		{"no resource at all", alice, patientA, `[{"op":"replace","path":"","value":1}]`, engine.Precondition{}, fhir.Invalid, "the number 1"},
		{"an unknown element", alice, patientA, `[{"op":"add","path":"/colour","value":"red"}]`, engine.Precondition{}, fhir.Invalid, "colour"},
		{"an array that is left empty", alice, patientA, `[{"op":"remove","path":"/contact/0"}]`, engine.Precondition{}, fhir.Invalid, "Patient.contact"},
		{"a broken invariant", alice, patientA, `[{"op":"replace","path":"/contact/0","value":{"gender":"female"}}]`, engine.Precondition{}, fhir.Unprocessable, "pat-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.Patch(t.Context(), c.who, c.key, changes(t, c.patch), c.pre)
			wantKind(t, err, c.kind, c.words)
		})
	}
	if v, err := e.Read(t.Context(), alice, patientA); err != nil || v.Number != 1 {
		t.Errorf("after refusals only, the patient is at version %d, %v", v.Number, err)
	}
}

func TestPatchWhere(t *testing.T) {
	const rename = `[{"op":"replace","path":"/name/0/family","value":"New"}]`
	for _, c := range []struct {
		name    string
		there   []string
		query   string
		pre     engine.Precondition
		refusal fhir.Kind
		words   string
	}{
		{"one", []string{"a"}, mrn, engine.Precondition{}, 0, ""},
		{"one, If-Match", []string{"a"}, mrn, engine.Precondition{Version: 1, Required: true}, 0, ""},
		{"one, another If-Match", []string{"a"}, mrn, engine.Precondition{Version: 2}, fhir.PreconditionFailed, "version 1"},
		{"one, If-Match required", []string{"a"}, mrn, engine.Precondition{Required: true}, fhir.PreconditionRequired, `W/"1"`},
		{"none", nil, mrn, engine.Precondition{}, fhir.NotFound, "No Patient matches"},
		{"several", []string{"a", "b"}, mrn, engine.Precondition{}, fhir.PreconditionFailed, "Several"},
		{"no criteria", []string{"a"}, "", engine.Precondition{}, fhir.Invalid, "no search parameter"},
		{"criteria that are not known", []string{"a"}, "zzz=1", engine.Precondition{}, fhir.Invalid, "zzz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			have(t, e, c.there...)
			out, err := e.PatchWhere(t.Context(), alice, "Patient", c.query, changes(t, rename), c.pre)
			if c.refusal != 0 {
				wantKind(t, err, c.refusal, c.words)
			} else if err != nil || out.Version.Key != patientA || out.Version.Number != 2 || out.Created || !out.Changed {
				t.Errorf("%+v, %v", out, err)
			}
			if n := count(t, e, "family=new"); (n == 1) != (c.refusal == 0) {
				t.Errorf("%d have the new name", n)
			}
		})
	}
}

// A narrative does not outlive the data that it tells of: https://hl7.org/fhir/R4/http.html#patch.
func TestPatchSettlesTheNarrative(t *testing.T) {
	const narrative = `"text":{"status":"%s","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ash</div>"}`
	const rename = `{"op":"replace","path":"/name/0/family","value":"Birch"}`
	const retell = `{"op":"replace","path":"/text/div","value":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Birch</div>"}`
	for _, c := range []struct {
		name, status, patch string
		refused, keeps      bool
	}{
		{"generated, and data change", "generated", rename, false, false},
		{"of extensions, and data change", "extensions", rename, false, false},
		{"generated, and told anew", "generated", rename + "," + retell, false, true},
		{"generated, and only the record changes", "generated", `{"op":"add","path":"/meta/tag","value":[{"code":"x"}]},{"op":"add","path":"/language","value":"en"}`, false, true},
		{"generated, and data change to and fro", "generated", rename + `,{"op":"replace","path":"/name/0/family","value":"Ash"}`, false, true},
		{"additional, and data change", "additional", rename, true, true},
		{"additional, and told anew", "additional", rename + "," + retell, false, true},
		{"additional, and taken out", "additional", rename + `,{"op":"remove","path":"/text"}`, false, false},
		{"empty, and data change", "empty", rename, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			store(t, e, fmt.Sprintf(narrative, c.status)+`,"name":[{"family":"Ash"}]`)
			_, err := e.Patch(t.Context(), alice, patientA, changes(t, "["+c.patch+"]"), engine.Precondition{})
			if c.refused {
				wantKind(t, err, fhir.Unprocessable, "/text in the same patch")
			} else if err != nil {
				t.Fatal(err)
			}
			v, err := e.Read(t.Context(), alice, patientA)
			if err != nil || strings.Contains(string(v.Body), "<div") != c.keeps {
				t.Errorf("%s, %v", v.Body, err)
			}
		})
	}
}

// TestConcurrentPatches has many clients that append at once, without naming a version: none may be lost, and none refused.
func TestConcurrentPatches(t *testing.T) {
	const clients = 16
	e := newEngine(t)
	store(t, e, `"name":[{"given":["Zero"]}]`)
	var group sync.WaitGroup
	for i := range clients {
		addition := changes(t, fmt.Sprintf(`[{"op":"add","path":"/name/0/given/-","value":"G%d"}]`, i))
		group.Go(func() {
			if _, err := e.Patch(t.Context(), alice, patientA, addition, engine.Precondition{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	v, err := e.Read(t.Context(), alice, patientA)
	if err != nil || v.Number != clients+1 {
		t.Fatalf("version %d, %v", v.Number, err)
	}
	for i := range clients {
		if strings.Count(string(v.Body), fmt.Sprintf(`"G%d"`, i)) != 1 {
			t.Errorf("G%d is not in it once: %s", i, v.Body)
		}
	}
}

// TestConcurrentPatchesOfOneVersion has many clients that name the same version: one wins.
func TestConcurrentPatchesOfOneVersion(t *testing.T) {
	const clients = 16
	e := newEngine(t)
	store(t, e, `"name":[{"given":["Zero"]}]`)
	change := changes(t, `[{"op":"add","path":"/name/0/given/-","value":"One"}]`)
	errs := make(chan error, clients)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			_, err := e.Patch(t.Context(), alice, patientA, change, engine.Precondition{Version: 1})
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	won := 0
	for err := range errs {
		if err == nil {
			won++
		} else {
			wantKind(t, err, fhir.PreconditionFailed, "version 1")
		}
	}
	if v, err := e.Read(t.Context(), alice, patientA); err != nil || won != 1 || v.Number != 2 {
		t.Errorf("%d won, version %d, %v", won, v.Number, err)
	}
}

// contended is a store in which another write comes before each of ours.
type contended struct {
	storage.Store
	other func()
}

func (c contended) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	c.other()
	return c.Store.Commit(ctx, p, ops)
}

func TestPatchGivesUp(t *testing.T) {
	e := newEngine(t)
	store(t, e, `"active":true`)
	config, others := e.Config, 0
	config.Store = contended{e.Store, func() {
		others++
		put(t, e, alice, "a", "Other")
	}}
	busy, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = busy.Patch(t.Context(), alice, patientA, changes(t, `[{"op":"add","path":"/active","value":false}]`), engine.Precondition{Exists: true})
	wantKind(t, err, fhir.Conflict, "try it again")
	if v, err := e.Read(t.Context(), alice, patientA); err != nil || v.Number != int64(others+1) || others < 16 {
		t.Errorf("version %d after %d other writes, %v", v.Number, others, err)
	}
}
