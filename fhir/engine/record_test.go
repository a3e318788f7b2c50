package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// Nothing is read without a record: where none can be kept, there is no answer. What is written is told by the store, and is written.
func TestNothingIsReadWithoutARecord(t *testing.T) {
	for _, i := range interactionsOf() {
		t.Run(i.method+" "+i.name, func(t *testing.T) {
			e, record := newScoped(t)
			if i.method == "Transact" {
				mustTransact(t, e.Store)
			}
			record.full = true
			err := i.call(t.Context(), e, alice)
			if want := i.record != "" && i.method != "Transact"; errors.Is(err, fhir.Unavailable) != want || !want && err != nil {
				t.Errorf("%v", err)
			}
			if err := i.call(t.Context(), e, with(nil)); !errors.Is(err, fhir.Forbidden) {
				t.Errorf("refused all the same: %v", err)
			}
		})
	}
	t.Run("results are empty", func(t *testing.T) {
		e, record := newScoped(t)
		record.full = true
		v, _ := e.Read(t.Context(), alice, pKey)
		page, _ := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient"})
		past, _ := e.History(t.Context(), alice, engine.HistoryRequest{Key: pKey, Count: 1})
		o, _ := e.CreateIfNone(t.Context(), alice, newPatient(), "family=ash")
		if v.Body != nil || page.Versions != nil || page.Self != "" || past.Versions != nil || o.Version.Body != nil {
			t.Errorf("%s, %+v, %+v, %+v", v.Body, page, past, o)
		}
	})
}

// What a transaction has written is written, also where no record can be kept of what it would show beside it: that is not shown.
func TestTransactionShowsNothingWithoutARecord(t *testing.T) {
	e, record := newScoped(t)
	mustTransact(t, e.Store)
	record.full = true
	outcomes, err := e.Transact(t.Context(), alice, []engine.Change{
		{Action: engine.ActCreate, Conditional: true, Criteria: "family=ash", Resource: newPatient()},
		{Action: engine.ActCreate, Resource: mustParse(`{"resourceType":"Location","name":"New"}`)},
	})
	if err != nil || outcomes[0].Version.Body != nil || outcomes[0].Version.Key != pKey || !strings.Contains(string(outcomes[1].Version.Body), "New") {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

// What fails is recorded with the reason in words that tell nothing of a patient, whatever was asked.
func TestRecordOfFailures(t *testing.T) {
	e, record := newScoped(t)
	_, err := e.Delete(t.Context(), alice, fhir.Key{Type: "Appointment", ID: "a"}, engine.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	canary := func(format string) fhir.Resource { return mustParse(fmt.Sprintf(format, "Canary")) }
	for _, c := range []struct {
		name   string
		err    error
		kind   fhir.Kind
		record string
	}{
		{"read of none", call(e.Read(ctx, alice, fhir.Key{Type: "Patient", ID: "none"})), fhir.NotFound, "read Patient/none 0 ? 4 not found: not-found"},
		{"read of what is deleted", call(e.Read(ctx, alice, fhir.Key{Type: "Appointment", ID: "a"})), fhir.Gone, "read Appointment/a 2 ? 4 gone: deleted"},
		{"vread of none", call(e.ReadVersion(ctx, alice, pKey, 9)), fhir.NotFound, "vread Patient/p 0 ? 4 not found: not-found"},
		{"history of none", past(fhir.Key{Type: "Patient", ID: "none"})(ctx, e, alice), fhir.NotFound, "history-instance Patient/none 0 ? 4 not found: not-found"},
		{"search", find("Patient", "birthdate=Canary")(ctx, e, alice), fhir.Invalid, "search-type Patient/ 0 ? 4 invalid: value"},
		{"search without scope", find("Patient", "family=Canary")(ctx, e, with(nil)), fhir.Forbidden, "search-type Patient/ 0 ? 4 The credential does not permit this; it takes the scope system/Patient.s."},
		{"cursor", find("Patient", "_cursor=Canary")(ctx, e, alice), fhir.Invalid, "search-type Patient/ 0 ? 4 invalid: invalid"},
		{"create", call(e.Create(ctx, alice, canary(`{"resourceType":"Patient","birthDate":"%s","colour":"red"}`))), fhir.Invalid, "create Patient/ 0 ? 4 invalid: value, structure"},
		{"create by criteria", call(e.CreateIfNone(ctx, alice, newPatient(), "shoe=Canary")), fhir.Invalid, "create Patient/ 0 ? 4 invalid: not-supported"},
		{"update", call(e.Update(ctx, alice, pKey, canary(`{"resourceType":"Patient","id":"%s"}`), engine.Precondition{})), fhir.Invalid, "update Patient/p 0 ? 4 invalid: invalid"},
		{"update of another version", call(e.Update(ctx, alice, pKey, newPatient(), engine.Precondition{Version: 7})), fhir.PreconditionFailed, "update Patient/p 0 ? 4 precondition failed: conflict"},
		{"patch", call(e.Patch(ctx, alice, pKey, mustPatch(`[{"op":"test","path":"/name","value":"Canary"}]`), engine.Precondition{})), fhir.Unprocessable, "patch Patient/p 0 ? 4 unprocessable: business-rule"},
		{"what the server writes alone", call(e.Create(ctx, alice, mustParse(`{"resourceType":"AuditEvent"}`))), fhir.MethodNotAllowed, "create AuditEvent/ 0 ? 4 method not allowed: not-supported"},
	} {
		t.Run(c.name, func(t *testing.T) { wantKind(t, c.err, c.kind, "") })
		if len(record.events) == 0 {
			t.Fatalf("%s is not recorded", c.name)
		}
		event := record.events[0]
		record.events = append(record.events[1:], event)
		if got := (&recorder{events: []audit.Event{event}}).take(); strings.Contains(got[0], "Canary") || got[0] != c.record {
			t.Errorf("%s is recorded as %q, want %q", c.name, got[0], c.record)
		}
	}
	e.Store = lost{e.Store}
	record.events = nil
	if _, err := e.Read(ctx, alice, pKey); err == nil {
		t.Fatal("what is lost is read")
	}
	if got := record.take(); len(got) != 1 || !strings.HasPrefix(got[0], "read Patient/p 0 ? 8 unavailable: ") {
		t.Errorf("a failure of the server is recorded as %q", got)
	}
}

// lost is a store that cannot be reached.
type lost struct{ storage.Store }

func (lost) Read(context.Context, fhir.Partition, fhir.Key) (fhir.Version, error) {
	return fhir.Version{}, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store cannot be reached.")
}

// Whose data are shown is recorded, also where parts are shown, and of what comes with the matches.
func TestRecordOfPatients(t *testing.T) {
	e, record := newScoped(t)
	keep(t, e, `{"resourceType":"Patient","id":"q","link":[{"other":{"reference":"Patient/p"},"type":"seealso"}]}`)
	ctx := t.Context()
	for _, c := range []struct {
		name string
		err  error
	}{
		{"p", call(e.Read(ctx, alice, pKey))},
		{"p", call(e.ReadVersion(ctx, alice, fhir.Key{Type: "Observation", ID: "x"}, 1))},
		{"p q", past(fhir.Key{Type: "Patient"})(ctx, e, alice)},
		{"p", find("Observation", "status=final")(ctx, e, alice)},
		{"p", find("Observation", "_elements=status")(ctx, e, alice)},
		{"p", find("Practitioner", "_revinclude=Observation:performer")(ctx, e, alice)},
		{"", find("Practitioner", "")(ctx, e, alice)},
		{"", find("Patient", "_summary=count")(ctx, e, alice)},
		{"p", find("Appointment", "")(ctx, e, alice)},
		{"p", call(e.CreateIfNone(ctx, alice, newPatient(), "family=ash"))},
	} {
		event := record.events[0]
		record.events = record.events[1:]
		if got := strings.Join(event.Patients, " "); c.err != nil || got != c.name {
			t.Errorf("%s %s?%s is recorded with patients %q, want %q: %v", event.Interaction, event.Key, event.Query, got, c.name, c.err)
		}
	}
}

// What is tried, but shown to nobody, leaves no record: neither when it succeeds nor when it fails.
func TestRehearsal(t *testing.T) {
	e, record := newScoped(t)
	ctx := engine.Rehearsal(t.Context())
	if _, err := e.Read(ctx, alice, pKey); err != nil || len(record.events) > 0 {
		t.Errorf("%v, %q", err, record.take())
	}
	if _, err := e.Read(ctx, with(nil), pKey); err == nil || len(record.events) > 0 {
		t.Errorf("%v", err)
	}
}

// Who changed what, by which interaction and request, goes with the change into the store.
func TestChangesHaveTheirOrigin(t *testing.T) {
	e, record := newScoped(t)
	who := alice
	who.Request, who.Address = "request-7", "192.0.2.7"
	ctx := t.Context()
	before, err := e.Store.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	single := func(i audit.Interaction, err error) {
		if err != nil {
			t.Errorf("%s: %v", i, err)
		}
		want = append(want, audit.OriginOf(who, i))
	}
	single(audit.Update, call(e.Update(ctx, who, pKey, newPatient(), engine.Precondition{})))
	single(audit.Patch, call(e.Patch(ctx, who, pKey, mustPatch(`[]`), engine.Precondition{})))
	single(audit.Create, call(e.CreateIfNone(ctx, who, newPatient(), "family=yew")))
	single(audit.Delete, call(e.Delete(ctx, who, pKey, engine.Precondition{})))
	if e.Store.Transactions() {
		_, err := e.Transact(ctx, who, []engine.Change{
			{Action: engine.ActCreate, Resource: mustParse(`{"resourceType":"Observation","status":"final","code":{"text":"c"},"performer":[{"reference":"Practitioner?family=elder"}]}`)},
			{Action: engine.ActDelete, Key: fhir.Key{Type: "Location", ID: "l"}},
		})
		single(audit.Delete, err) // deletes come first
		single(audit.Create, nil)
	}
	after, err := e.Store.Events(ctx, before[len(before)-1].Sequence, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, event := range after {
		got = append(got, event.Origin)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if told := record.take(); len(told) > 0 {
		t.Errorf("recorded twice: %q", told)
	}
}

// What a face has refused is recorded with as much of the key as can be one, and with no word of the client's.
func TestRecordOfWhatAFaceRefuses(t *testing.T) {
	e, record := newScoped(t)
	refusal := fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "The Canary is no JSON.")
	for key, want := range map[fhir.Key]string{
		{}:                                     "update / 0 ? 4 invalid: structure",
		{Type: "Canary", ID: "a"}:              "update / 0 ? 4 invalid: structure",
		{Type: "Device", ID: "a"}:              "update Device/a 0 ? 4 invalid: structure",
		{Type: "Patient", ID: "Canary Canary"}: "update Patient/ 0 ? 4 invalid: structure",
	} {
		e.Refused(t.Context(), alice, "update", key, refusal)
		if diff := cmp.Diff([]string{want}, record.take()); diff != "" {
			t.Error(diff)
		}
	}
	e.Audit = nil
	e.Refused(t.Context(), alice, "update", fhir.Key{}, refusal) // nobody is told
}
