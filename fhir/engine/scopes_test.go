package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/patch"
)

// scoped are the types of the tests of scopes.
var scoped = []string{"AuditEvent", "Appointment", "Location", "Observation", "Organization", "Patient", "Practitioner", "Schedule", "ServiceRequest", "Slot", "Subscription"}

// recorder keeps what it is told, or refuses it.
type recorder struct {
	events []audit.Event
	full   bool
}

func (r *recorder) Record(e audit.Event) error {
	if r.full {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The record is full.")
	}
	r.events = append(r.events, e)
	return nil
}

// take returns what was recorded since it was last called, each event in a line.
func (r *recorder) take() []string {
	var lines []string
	for _, e := range r.events {
		lines = append(lines, fmt.Sprintf("%s %s %d ?%s %d %s", e.Interaction, e.Key, e.Number, e.Query, e.Outcome, e.Detail))
	}
	r.events = nil
	return lines
}

// newScoped is an engine with a record, and these resources of alice's: patient p with a general practitioner, in an organization; observations, an
// appointment, a location and a subscription to patients.
func newScoped(t *testing.T) (*engine.Engine, *recorder) {
	t.Helper()
	e := newEngineOf(t, scoped...)
	keep(t, e, `{"resourceType":"Organization","id":"o","name":"Ash House"}`)
	keep(t, e, `{"resourceType":"Practitioner","id":"d","name":[{"family":"Elder"}]}`)
	keep(t, e, `{"resourceType":"Patient","id":"p","identifier":[{"system":"http://example.org/mrn","value":"7"}],"name":[{"family":"Ash"}],"generalPractitioner":[{"reference":"Practitioner/d"}],"managingOrganization":{"reference":"Organization/o"}}`)
	keep(t, e, `{"resourceType":"Observation","id":"x","status":"final","code":{"text":"c"},"subject":{"reference":"Patient/p"},"performer":[{"reference":"Practitioner/d"}]}`)
	keep(t, e, `{"resourceType":"Location","id":"l","name":"Room","managingOrganization":{"reference":"Organization/o"}}`)
	keep(t, e, `{"resourceType":"Appointment","id":"a","status":"proposed","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"},{"actor":{"reference":"Location/l"},"status":"accepted"}]}`)
	keep(t, e, "%s", strings.Replace(subscription("requested", "Patient?family=ash"), `"id":"s"`, `"id":"y"`, 1))
	r := &recorder{}
	e.Audit = r
	return e, r
}

// with is alice with other scopes.
func with(scopes fhir.Scopes) fhir.Principal {
	who := alice
	who.Scopes = scopes
	return who
}

// interaction is a call of a method of the engine, and what it takes.
type interaction struct {
	method, name string
	takes        fhir.Scopes
	call         func(context.Context, *engine.Engine, fhir.Principal) error
	record       string // of its success; "" where there is none
	silent       bool   // not even its refusal is recorded
	writes       bool   // one at least of what it does is told by the store
}

var (
	pKey  = fhir.Key{Type: "Patient", ID: "p"}
	aKey  = fhir.Key{Type: "Appointment", ID: "a"}
	first = engine.Precondition{Version: 1}
)

// mustParse is a resource of a text that is right.
func mustParse(text string) fhir.Resource {
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		panic(err)
	}
	return r
}

func newPatient() fhir.Resource {
	return mustParse(`{"resourceType":"Patient","id":"p","name":[{"family":"Birch"}]}`)
}

// pendingAppointment is one that names no slot; without an id for "".
func pendingAppointment(id string) fhir.Resource {
	r := mustParse(`{"resourceType":"Appointment","status":"pending","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"}]}`)
	if id != "" {
		r.SetID(id)
	}
	return r
}

func mustPatch(text string) patch.Patch {
	p, err := patch.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return p
}

// find is the call of a search.
func find(typ, query string) func(context.Context, *engine.Engine, fhir.Principal) error {
	return func(ctx context.Context, e *engine.Engine, who fhir.Principal) error {
		_, err := e.Search(ctx, who, engine.SearchRequest{Type: typ, Query: query})
		return err
	}
}

// past is the call of a history.
func past(key fhir.Key, types ...string) func(context.Context, *engine.Engine, fhir.Principal) error {
	return func(ctx context.Context, e *engine.Engine, who fhir.Principal) error {
		_, err := e.History(ctx, who, engine.HistoryRequest{Key: key, Count: 10, Types: types})
		return err
	}
}

// transacts is the call of a transaction.
func transacts(changes func() []engine.Change) func(context.Context, *engine.Engine, fhir.Principal) error {
	return func(ctx context.Context, e *engine.Engine, who fhir.Principal) error {
		_, err := e.Transact(ctx, who, changes())
		return err
	}
}

// referring is an observation whose subject is told by a search.
func referring() fhir.Resource {
	return mustParse(`{"resourceType":"Observation","status":"final","code":{"text":"c"},"subject":{"reference":"Patient?identifier=http://example.org/mrn|7"}}`)
}

const (
	r, s    = fhir.MayRead, fhir.MaySearch
	c, u, d = fhir.MayCreate, fhir.MayUpdate, fhir.MayDelete
)

// interactionsOf are the interactions of the engine, each in the forms that take different scopes.
func interactionsOf() []interaction {
	const birch = `[{"op":"replace","path":"/name","value":[{"family":"Birch"}]}]`
	type ctx = context.Context
	type principal = fhir.Principal
	return []interaction{
		{method: "Read", takes: fhir.Scopes{"Patient": r}, record: "read Patient/p 1 ? 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error { _, err := e.Read(ctx, who, pKey); return err }},
		{method: "ReadVersion", takes: fhir.Scopes{"Patient": r}, record: "vread Patient/p 1 ? 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.ReadVersion(ctx, who, pKey, 1)
				return err
			}},
		{method: "InstantBefore", takes: fhir.Scopes{"Patient": r}, silent: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.InstantBefore(ctx, who, fhir.Version{Key: pKey, Number: 2})
				return err
			}},

		{method: "History", name: "instance", takes: fhir.Scopes{"Patient": r}, call: past(pKey), record: "history-instance Patient/p 0 ? 0 "},
		{method: "History", name: "type", takes: fhir.Scopes{"Patient": s}, call: past(fhir.Key{Type: "Patient"}), record: "history-type Patient/ 0 ? 0 "},
		{method: "History", name: "named types", takes: fhir.Scopes{"Patient": s, "Location": s}, call: past(fhir.Key{}, "Patient", "Location"), record: "history-system / 0 ? 0 "},

		{method: "Find", takes: fhir.Scopes{"Appointment": r, "Schedule": s, "Slot": s}, record: "operation Appointment/ 0 ? 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Find(ctx, who, engine.FindRequest{From: 0, To: 1, Practitioners: []engine.Reference{{Key: fhir.Key{Type: "Practitioner", ID: "d"}}}})
				return err
			}},
		{method: "Find", name: "by what others say", takes: fhir.Scopes{"Appointment": r, "Location": s, "Practitioner": s, "Schedule": s, "ServiceRequest": s, "Slot": s}, record: "operation Appointment/ 0 ? 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Find(ctx, who, engine.FindRequest{
					From: 0, To: 1, Practitioners: []engine.Reference{{Value: "7"}}, LocationTexts: []string{"Leeds"}, Referral: engine.Reference{Value: "8"},
				})
				return err
			}},

		{method: "Search", name: "type", takes: fhir.Scopes{"Patient": s}, call: find("Patient", "family=ash&shoe=9"), record: "search-type Patient/ 0 ?family=ash 0 "},
		{method: "Search", name: "chain", takes: fhir.Scopes{"Observation": s, "Patient": s}, call: find("Observation", "subject:Patient.family=ash"), record: "search-type Observation/ 0 ?subject:Patient.family=ash 0 "},
		{method: "Search", name: "chain without a type", takes: fhir.Scopes{"Observation": s, "Patient": s, "Location": s}, call: find("Observation", "subject.name=ash"), record: "search-type Observation/ 0 ?subject.name=ash 0 "},
		{method: "Search", name: "chain of two", takes: fhir.Scopes{"Observation": s, "Patient": s, "Practitioner": s}, call: find("Observation", "subject:Patient.general-practitioner:Practitioner.family=elder"),
			record: "search-type Observation/ 0 ?subject:Patient.general-practitioner:Practitioner.family=elder 0 "},
		{method: "Search", name: "_has", takes: fhir.Scopes{"Patient": s, "Observation": s}, call: find("Patient", "_has:Observation:subject:status=final"), record: "search-type Patient/ 0 ?_has:Observation:subject:status=final 0 "},
		{method: "Search", name: "_filter", takes: fhir.Scopes{"Observation": s, "Patient": s}, call: find("Observation", "_filter=subject.family+eq+ash"), record: "search-type Observation/ 0 ?_filter=subject.family%20eq%20ash 0 "},
		{method: "Search", name: "not by a chain", takes: fhir.Scopes{"Observation": s, "Patient": s}, call: find("Observation", "_filter=not(subject.family+eq+ash)"), record: "search-type Observation/ 0 ?_filter=not(subject.family%20eq%20ash) 0 "},
		{method: "Search", name: "named types", takes: fhir.Scopes{"Patient": s, "Location": s}, call: find("", "_type=Patient,Location"), record: "search-system / 0 ?_type=Patient,Location 0 "},
		{method: "Search", name: "the record", takes: fhir.Scopes{"AuditEvent": s}, call: find("", "_type=AuditEvent"), record: "search-system / 0 ?_type=AuditEvent 0 "},
		{method: "Search", name: "compartment", takes: fhir.Scopes{"Observation": s}, record: "search-type Observation/ 0 ?_compartment=Patient/p&status=final 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Search(ctx, who, engine.SearchRequest{Type: "Observation", Compartment: pKey, Query: "status=final"})
				return err
			}},
		{method: "Search", name: "compartment, named types", takes: fhir.Scopes{"Observation": s, "Appointment": s}, record: "search-system / 0 ?_compartment=Patient/p&_type=Observation,Appointment 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Search(ctx, who, engine.SearchRequest{Compartment: pKey, Query: "_type=Observation,Appointment"})
				return err
			}},

		{method: "Create", takes: fhir.Scopes{"Patient": c}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Create(ctx, who, newPatient())
				return err
			}},
		{method: "CreateIfNone", name: "none", takes: fhir.Scopes{"Patient": c | s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.CreateIfNone(ctx, who, newPatient(), "family=yew")
				return err
			}},
		{method: "CreateIfNone", name: "one", takes: fhir.Scopes{"Patient": c | s}, record: "search-type Patient/p 1 ?family=ash 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.CreateIfNone(ctx, who, newPatient(), "family=ash")
				return err
			}},
		{method: "Update", takes: fhir.Scopes{"Patient": u}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Update(ctx, who, pKey, newPatient(), first)
				return err
			}},
		{method: "Update", name: "as create", takes: fhir.Scopes{"Location": u}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Update(ctx, who, fhir.Key{Type: "Location", ID: "n"}, mustParse(`{"resourceType":"Location","id":"n"}`), engine.Precondition{})
				return err
			}},
		{method: "Update", name: "a subscription", takes: fhir.Scopes{"Subscription": u, "Observation": s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Update(ctx, who, fhir.Key{Type: "Subscription", ID: "s"}, mustParse(subscription("requested", "Observation?subject=Patient/p")), engine.Precondition{})
				return err
			}},
		{method: "Patch", name: "a subscription", takes: fhir.Scopes{"Subscription": u, "Patient": s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Patch(ctx, who, fhir.Key{Type: "Subscription", ID: "y"}, mustPatch(`[{"op":"replace","path":"/channel/endpoint","value":"https://example.org/other"}]`), engine.Precondition{})
				return err
			}},
		{method: "UpdateWhere", takes: fhir.Scopes{"Patient": u | s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.UpdateWhere(ctx, who, "Patient", "family=ash", newPatient(), engine.Precondition{})
				return err
			}},
		{method: "Patch", takes: fhir.Scopes{"Patient": u}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Patch(ctx, who, pKey, mustPatch(birch), first)
				return err
			}},
		{method: "Patch", name: "with a test", takes: fhir.Scopes{"Patient": u | r}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Patch(ctx, who, pKey, mustPatch(`[{"op":"test","path":"/name/0/family","value":"Ash"},{"op":"remove","path":"/name"}]`), first)
				return err
			}},
		{method: "PatchWhere", takes: fhir.Scopes{"Patient": u | s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.PatchWhere(ctx, who, "Patient", "family=ash", mustPatch(birch), engine.Precondition{})
				return err
			}},
		{method: "Delete", takes: fhir.Scopes{"Patient": d}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Delete(ctx, who, pKey, engine.Precondition{})
				return err
			}},
		{method: "Delete", name: "what is not there", takes: fhir.Scopes{"Patient": d}, record: "delete Patient/none 0 ? 0 ",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Delete(ctx, who, fhir.Key{Type: "Patient", ID: "none"}, engine.Precondition{})
				return err
			}},
		{method: "DeleteWhere", takes: fhir.Scopes{"Patient": d | s}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.DeleteWhere(ctx, who, "Patient", "family=ash", engine.Precondition{})
				return err
			}},
		{method: "Hold", takes: fhir.Scopes{"Appointment": c | u}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error { _, err := e.Hold(ctx, who, aKey); return err }},
		{method: "Book", name: "what is there", takes: fhir.Scopes{"Appointment": u}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Book(ctx, who, engine.BookRequest{Reference: aKey})
				return err
			}},
		{method: "Book", name: "what is new", takes: fhir.Scopes{"Appointment": c}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Book(ctx, who, engine.BookRequest{Resource: pendingAppointment("")})
				return err
			}},
		{method: "Book", name: "what the rules refuse", takes: fhir.Scopes{"Appointment": u}, record: "operation Appointment/a 0 ? 4 conflict: business-rule",
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Book(ctx, who, engine.BookRequest{Resource: mustParse(strings.Replace(string(fhir.AppendJSON(nil, pendingAppointment("a").Root())), "pending", "noshow", 1))})
				return err
			}},

		{method: "Write", takes: fhir.Scopes{"Patient": d}, writes: true,
			call: func(ctx ctx, e *engine.Engine, who principal) error {
				_, err := e.Write(ctx, who, engine.Change{Action: engine.ActDelete, Key: pKey})
				return err
			}},

		{method: "Transact", name: "one of each", takes: fhir.Scopes{"Patient": u, "Location": d, "Organization": c}, writes: true, call: transacts(func() []engine.Change {
			return []engine.Change{
				{Action: engine.ActPatch, Key: pKey, Patch: mustPatch(birch)},
				{Action: engine.ActDelete, Key: fhir.Key{Type: "Location", ID: "l"}},
				{Action: engine.ActCreate, Resource: mustParse(`{"resourceType":"Organization","name":"Yew House"}`)},
			}
		})},
		{method: "Transact", name: "conditional reference", takes: fhir.Scopes{"Observation": c, "Patient": s}, writes: true, call: transacts(func() []engine.Change {
			return []engine.Change{{Action: engine.ActCreate, Resource: referring()}}
		})},
		{method: "Transact", name: "conditional reference in a patch", takes: fhir.Scopes{"Observation": u, "Patient": s}, writes: true, call: transacts(func() []engine.Change {
			return []engine.Change{{Action: engine.ActPatch, Key: fhir.Key{Type: "Observation", ID: "x"}, Patch: mustPatch(`[{"op":"replace","path":"/subject/reference","value":"Patient?family=ash"}]`)}}
		})},
		{method: "Transact", name: "a condition that one satisfies", takes: fhir.Scopes{"Patient": c | s}, record: "search-type Patient/p 1 ?family=ash 0 ", call: transacts(func() []engine.Change {
			return []engine.Change{{Action: engine.ActCreate, Conditional: true, Criteria: "family=ash", Resource: newPatient()}}
		})},
	}
}

// everythingBut are scopes for everything with all types of the tests, but a permission for one of them.
func everythingBut(typ string, p fhir.Permission) fhir.Scopes {
	all := fhir.Scopes{}
	for _, t := range scoped {
		all[t] = fhir.MayEverything
	}
	all[typ] &^= p
	return all
}

// Each interaction is done with what it takes and nothing more, and refused with everything but one thing that it takes; of either there is one record.
func TestScopesOfEveryInteraction(t *testing.T) {
	for _, i := range interactionsOf() {
		t.Run(i.method+" "+i.name, func(t *testing.T) {
			e, record := newScoped(t)
			if i.method == "Transact" {
				mustTransact(t, e.Store)
			}
			before, err := e.Store.Events(t.Context(), 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			for typ, takes := range i.takes {
				for _, p := range []fhir.Permission{c, r, u, d, s} {
					if takes&p != 0 {
						wantRefusal(t, i, e, record, with(everythingBut(typ, p)), typ, p)
					}
				}
			}
			if err := i.call(t.Context(), e, with(nil)); !errors.Is(err, fhir.Forbidden) {
				t.Errorf("without scopes: %v", err)
			}
			if events, err := e.Store.Events(t.Context(), 0, 100); err != nil || len(events) != len(before) {
				t.Errorf("something was written: %v, %v", events[len(before):], err)
			}
			record.events = nil
			if err := i.call(t.Context(), e, with(i.takes)); err != nil {
				t.Fatalf("with %v: %v", i.takes, err)
			}
			if got := strings.Join(record.take(), "\n"); got != i.record {
				t.Errorf("recorded %q, want %q", got, i.record)
			}
			if events, err := e.Store.Events(t.Context(), 0, 100); err != nil || (len(events) > len(before)) != i.writes {
				t.Errorf("written: %v, %v", events[len(before):], err)
			}
		})
	}
}

// wantRefusal looks that an interaction is refused for the want of a permission, and what is told and recorded of it.
func wantRefusal(t *testing.T, i interaction, e *engine.Engine, record *recorder, who fhir.Principal, typ string, p fhir.Permission) {
	t.Helper()
	err := i.call(t.Context(), e, who)
	var missing fhir.MissingScope
	if !errors.Is(err, fhir.Forbidden) || !errors.As(err, &missing) {
		t.Fatalf("without %s of %s: %v", p, typ, err)
	}
	letters, named := strings.CutPrefix(string(missing), "system/"+typ+".")
	if !named || !strings.Contains(letters, p.String()) {
		t.Errorf("without %s of %s, the scope %s is said to be missing", p, typ, missing)
	}
	told := record.events
	record.events = nil
	if i.silent {
		if len(told) > 0 {
			t.Errorf("recorded %+v", told)
		}
		return
	}
	refused := slices.IndexFunc(told, func(e audit.Event) bool { return strings.Contains(e.Detail, string(missing)) })
	if refused < 0 || i.method != "Transact" && len(told) != 1 {
		t.Fatalf("recorded %+v", told)
	}
	for _, event := range told {
		if event.Outcome != audit.Refused || event.Detail == "" || event.Who.Client != "alice" || event.Number != 0 || event.Patients != nil {
			t.Errorf("recorded %+v", event)
		}
	}
}

// Whatever takes a Principal stands in the tables, so that no method is added without its scopes.
func TestNoMethodIsForgotten(t *testing.T) {
	known := map[string]bool{"Validate": true, "Explain": true, "Generate": true, "Refused": true} // the first three have tests of their own; the last shows nothing
	for _, i := range interactionsOf() {
		known[i.method] = true
	}
	principal := reflect.TypeFor[fhir.Principal]()
	methods := reflect.TypeFor[*engine.Engine]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		takes := false
		for j := range m.Type.NumIn() {
			takes = takes || m.Type.In(j) == principal || m.Type.In(j) == reflect.TypeFor[fhir.Partition]()
		}
		if takes && !known[m.Name] {
			t.Errorf("nothing is known of the scopes of %s", m.Name)
		}
	}
}

func TestValidateTakesAnyPermission(t *testing.T) {
	e, record := newScoped(t)
	ask := func(scopes fhir.Scopes, typ string) error {
		_, err := e.Validate(t.Context(), with(scopes), engine.ValidateRequest{Type: typ, ID: "p", Resource: newPatient()})
		return err
	}
	for _, p := range []fhir.Permission{c, r, u, d, s} {
		if err := ask(fhir.Scopes{"Patient": p}, "Patient"); err != nil {
			t.Errorf("with %s: %v", p, err)
		}
	}
	if diff := cmp.Diff("operation Patient/p 0 ? 0 ", record.take()[0]); diff != "" {
		t.Error(diff)
	}
	wantKind(t, ask(fhir.Scopes{"Location": fhir.MayEverything}, "Patient"), fhir.Forbidden, "system/Patient.r")
	wantKind(t, ask(nil, "Device"), fhir.NotFound, "not served")
	if diff := cmp.Diff([]string{"operation Patient/p 0 ? 4 The credential does not permit this; it takes the scope system/Patient.r.", "operation Device/p 0 ? 4 not found: not-supported"}, record.take()); diff != "" {
		t.Error(diff)
	}
}

// What is explained is for who may operate the server, whatever the scopes.
func TestExplainTakesAnAdministrator(t *testing.T) {
	e, record := newScoped(t)
	operator := fhir.Principal{Partition: alice.Partition, Admin: true}
	if _, err := e.Explain(t.Context(), operator, engine.SearchRequest{Type: "Patient", Query: "family=ash"}); err != nil {
		t.Error(err)
	}
	_, err := e.Explain(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: "family=ash"})
	wantKind(t, err, fhir.Forbidden, "operator")
	if diff := cmp.Diff([]string{"operation Patient/ 0 ?family=ash 0 ", "operation Patient/ 0 ? 4 forbidden: forbidden"}, record.take()); diff != "" {
		t.Error(diff)
	}
}

// A type that is not served is not there for anybody, whatever the scopes.
func TestWhatIsNotServedIsNotFoundFirst(t *testing.T) {
	e, _ := newScoped(t)
	nobody, device := with(nil), fhir.Key{Type: "Device", ID: "s"}
	for name, err := range map[string]error{
		"read": call(e.Read(t.Context(), nobody, device)), "vread": call(e.ReadVersion(t.Context(), nobody, device, 1)),
		"history": past(device)(t.Context(), e, nobody), "type": past(fhir.Key{Type: "Device"})(t.Context(), e, nobody),
		"search": find("Device", "")(t.Context(), e, nobody), "delete": call(e.Delete(t.Context(), nobody, device, engine.Precondition{})),
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, err, fhir.NotFound, "not served") })
	}
}

func call[T any](_ T, err error) error { return err }

// keysOf are the keys of versions, sorted.
func keysOf(versions []fhir.Version) string {
	var keys []string
	for _, v := range versions {
		keys = append(keys, v.Key.String())
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// Where no types are named, all types are those that the client may search; the link of the page says which. Who may search none is refused.
func TestAllTypesAreThosePermitted(t *testing.T) {
	e, record := newScoped(t)
	some := with(fhir.Scopes{"Location": s, "Patient": s | r, "Observation": r})
	page, err := e.Search(t.Context(), some, engine.SearchRequest{})
	if err != nil || keysOf(page.Versions) != "Location/l Patient/p" || page.Self != "_type=Location,Patient" || page.Total != 2 {
		t.Errorf("%s of %d, %s: %v", keysOf(page.Versions), page.Total, page.Self, err)
	}
	page, err = e.Search(t.Context(), some, engine.SearchRequest{Query: "_type="})
	if err != nil || keysOf(page.Versions) != "Location/l Patient/p" {
		t.Errorf("%s: %v", keysOf(page.Versions), err)
	}
	page, err = e.Search(t.Context(), with(fhir.Scopes{"Appointment": s, "Location": s}), engine.SearchRequest{Compartment: pKey})
	if err != nil || keysOf(page.Versions) != "Appointment/a" || page.Self != "_type=Appointment" {
		t.Errorf("%s, %s: %v", keysOf(page.Versions), page.Self, err)
	}
	past, err := e.History(t.Context(), some, engine.HistoryRequest{Count: 10})
	if err != nil || keysOf(past.Versions) != "Location/l Patient/p" || past.Total != 2 || !slices.Equal(past.Request.Types, []string{"Location", "Patient"}) {
		t.Errorf("%s of %d, %v: %v", keysOf(past.Versions), past.Total, past.Request.Types, err)
	}
	if page, err = e.Search(t.Context(), alice, engine.SearchRequest{}); err != nil || page.Self != "" || len(page.Versions) != 7 {
		t.Errorf("%d, %s: %v", len(page.Versions), page.Self, err)
	}
	record.take()
	none := with(fhir.Scopes{"Patient": r | u | c | d, "AuditEvent": s})
	for name, err := range map[string]error{
		"search": find("", "")(t.Context(), e, none), "history": call(e.History(t.Context(), none, engine.HistoryRequest{})),
		"compartment": call(e.Search(t.Context(), none, engine.SearchRequest{Compartment: pKey})),
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, err, fhir.Forbidden, "system/*.s") })
	}
	_, err = e.Search(t.Context(), some, engine.SearchRequest{Query: "_type=Patient,Observation,Appointment"})
	wantKind(t, err, fhir.Forbidden, "system/Observation.s")
	wantKind(t, err, fhir.Forbidden, "system/Appointment.s")
	_, err = e.History(t.Context(), some, engine.HistoryRequest{Types: []string{"Observation"}})
	wantKind(t, err, fhir.Forbidden, "system/Observation.s")
	if n := len(record.take()); n != 5 {
		t.Errorf("%d records", n)
	}
}

// A chain that does not say its type looks into no AuditEvents, and takes no permission for them.
func TestChainsTakeNothingOfTheRecord(t *testing.T) {
	e := newEngineOf(t, "AuditEvent", "Patient", "Provenance")
	ctx := t.Context()
	if err := find("Provenance", "target.patient=Patient/p")(ctx, e, with(fhir.Scopes{"Provenance": s})); err != nil {
		t.Error(err)
	}
	err := find("Provenance", "target._id=p")(ctx, e, with(fhir.Scopes{"Provenance": s}))
	if wantKind(t, err, fhir.Forbidden, "system/Patient.s"); err != nil && strings.Contains(err.Error(), "AuditEvent") {
		t.Error(err)
	}
}

// Cursors are those of the partition: who follows one must be permitted what it leads to.
func TestCursorsGiveNoPermission(t *testing.T) {
	e, record := newScoped(t)
	for i := range 3 {
		put(t, e, alice, fmt.Sprint("more", i), "Ash")
	}
	pages := func(who fhir.Principal, req engine.SearchRequest) engine.SearchPage {
		page, err := e.Search(t.Context(), who, req)
		if err != nil || page.Next == "" {
			t.Fatal(page, err)
		}
		return page
	}
	follow := func(who fhir.Principal, req engine.SearchRequest, page engine.SearchPage) error {
		req.Query = engine.CursorParam + "=" + page.Next
		_, err := e.Search(t.Context(), who, req)
		return err
	}
	patients := engine.SearchRequest{Type: "Patient", Query: "family=ash&_count=1"}
	chained := engine.SearchRequest{Type: "Patient", Query: "_filter=not(general-practitioner.family+eq+nobody)&_count=1"}
	for name, c := range map[string]struct {
		req     engine.SearchRequest
		scopes  fhir.Scopes
		missing string
	}{
		"a type":          {patients, everythingBut("Patient", s), "system/Patient.s"},
		"a chain":         {chained, everythingBut("Practitioner", s), "system/Practitioner.s"},
		"all types":       {engine.SearchRequest{Query: "_count=1"}, everythingBut("Patient", s), "system/Patient.s"},
		"named types":     {engine.SearchRequest{Query: "_count=1&_type=Patient,Location"}, everythingBut("Patient", s), "system/Patient.s"},
		"the compartment": {engine.SearchRequest{Query: "_count=1", Compartment: pKey}, everythingBut("Observation", s), "system/Observation.s"},
	} {
		t.Run(name, func(t *testing.T) {
			page := pages(alice, c.req)
			wantKind(t, follow(with(c.scopes), c.req, page), fhir.Forbidden, c.missing)
			record.take()
			if err := follow(alice, c.req, page); err != nil {
				t.Error(err)
			}
			if got := record.take(); len(got) != 1 || !strings.Contains(got[0], "_count=1") || strings.Contains(got[0], engine.CursorParam) {
				t.Errorf("of a later page the query of the first is recorded: %q", got)
			}
		})
	}
	t.Run("narrowed", func(t *testing.T) {
		some := with(fhir.Scopes{"Patient": s, "Location": s})
		req := engine.SearchRequest{Query: "_count=1"}
		if err := follow(some, req, pages(some, req)); err != nil {
			t.Error(err)
		}
	})
	t.Run("history", func(t *testing.T) {
		req := engine.HistoryRequest{Count: 1}
		page, err := e.History(t.Context(), alice, req)
		if err != nil {
			t.Fatal(err)
		}
		req.Cursor = page.Next
		_, err = e.History(t.Context(), with(everythingBut("Patient", s)), req)
		wantKind(t, err, fhir.Forbidden, "system/Patient.s")
		if _, err = e.History(t.Context(), with(everythingBut("AuditEvent", s)), req); err != nil {
			t.Error(err)
		}
	})
}

// What comes with the matches is only what the client may see, and what is left out is told.
func TestIncludesArePermittedOneByOne(t *testing.T) {
	e, _ := newScoped(t)
	for _, c := range []struct {
		typ, query, included string
		scopes               fhir.Scopes
		warnings             []string // path and scopes
	}{
		{"Patient", "_include=Patient:general-practitioner", "Practitioner/d", fhir.Scopes{"Patient": s, "Practitioner": r}, nil},
		{"Patient", "_include=Patient:general-practitioner", "", fhir.Scopes{"Patient": s, "Practitioner": s}, []string{"_include system/Practitioner.r"}},
		{"Patient", "_include=Patient:general-practitioner&_include=Patient:organization", "Organization/o", fhir.Scopes{"Patient": s, "Organization": r}, []string{"_include system/Practitioner.r"}},
		{"Patient", "_include=*", "", fhir.Scopes{"Patient": s | r}, []string{"_include system/Organization.r, system/Practitioner.r"}},
		{"Patient", "_include=*", "Organization/o Practitioner/d", fhir.Scopes{"Patient": s, "Organization": r, "Practitioner": r}, nil},
		{"Patient", "_revinclude=Observation:subject", "Observation/x", fhir.Scopes{"Patient": s, "Observation": s}, nil},
		{"Patient", "_revinclude=Observation:subject", "", fhir.Scopes{"Patient": s, "Observation": r}, []string{"_revinclude system/Observation.s"}},
		{"Patient", "_revinclude=*", "Observation/x", fhir.Scopes{"Patient": s, "Observation": s}, []string{"_revinclude system/Appointment.s, system/Schedule.s, system/ServiceRequest.s"}},
		{"Patient", "_revinclude=Appointment:patient&_include:iterate=Appointment:location&_include:iterate=Location:organization", "Appointment/a", fhir.Scopes{"Patient": s, "Appointment": s, "Organization": r}, []string{"_include system/Location.r"}},
		{"Patient", "_revinclude=Appointment:patient&_include:iterate=Appointment:location&_include:iterate=Location:organization", "Appointment/a Location/l Organization/o", fhir.Scopes{"Patient": s, "Appointment": s, "Organization": r, "Location": r}, nil},
		{"Organization", "_revinclude=Patient:organization&_revinclude:iterate=Observation:subject", "Patient/p", fhir.Scopes{"Organization": s, "Patient": s}, []string{"_revinclude system/Observation.s"}},
		{"Practitioner", "_revinclude=Patient:general-practitioner&_include:iterate=Patient:organization", "", fhir.Scopes{"Practitioner": s, "Organization": r}, []string{"_revinclude system/Patient.s"}},
	} {
		t.Run(c.typ+"?"+c.query, func(t *testing.T) {
			page, err := e.Search(t.Context(), with(c.scopes), engine.SearchRequest{Type: c.typ, Query: c.query})
			if err != nil || keysOf(page.Included) != c.included {
				t.Errorf("included %q, want %q: %v", keysOf(page.Included), c.included, err)
			}
			var warnings []string
			for _, w := range page.Warnings {
				_, scopes, _ := strings.Cut(w.Detail, "the scope ")
				warnings = append(warnings, w.Path+" "+strings.TrimSuffix(scopes, "."))
				if w.Severity != fhir.Warning || w.Code != fhir.CodeSuppressed {
					t.Errorf("%+v", w)
				}
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who may patch and not read learns nothing of what is there: not by the outcome, nor by what is said of a patch that cannot be carried out.
func TestPatchOfWhatMayNotBeRead(t *testing.T) {
	e, _ := newScoped(t)
	keep(t, e, `{"resourceType":"Patient","id":"q","birthDate":"1970-01-31","name":[{"family":"Canary"}]}`)
	q := fhir.Key{Type: "Patient", ID: "q"}
	blind, reader := with(fhir.Scopes{"Patient": u}), with(fhir.Scopes{"Patient": u | r})
	for _, text := range []string{
		`[{"op":"copy","from":"/birthDate","path":"/gender"}]`, `[{"op":"copy","from":"/name/0/family","path":"/birthDate"}]`, `[{"op":"remove","path":"/gender"}]`, `[{"op":"copy","from":"/name/0/family","path":"/id"}]`,
	} {
		_, err := e.Patch(t.Context(), reader, q, mustPatch(text), engine.Precondition{})
		_, unseen := e.Patch(t.Context(), blind, q, mustPatch(text), engine.Precondition{})
		if err == nil || fhir.AsError(unseen).Kind != fhir.AsError(err).Kind {
			t.Errorf("%s: %v, unseen %v", text, err, unseen)
		}
		if said := unseen.Error(); strings.Contains(said, "1970") || strings.Contains(said, "Canary") || !strings.Contains(said, "system/Patient.r") {
			t.Errorf("%s: %s", text, said)
		}
	}
	out, err := e.Patch(t.Context(), blind, q, mustPatch(`[{"op":"add","path":"/gender","value":"other"}]`), engine.Precondition{})
	if err != nil || out.Version.Number != 2 || out.Version.Body != nil || !out.Changed {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = e.Patch(t.Context(), reader, q, mustPatch(`[{"op":"add","path":"/gender","value":"male"}]`), engine.Precondition{})
	if err != nil || !strings.Contains(string(out.Version.Body), "Canary") {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = e.Patch(t.Context(), blind, fhir.Key{Type: "Patient", ID: "none"}, mustPatch(`[]`), engine.Precondition{})
	wantKind(t, err, fhir.NotFound, "")
	if mustTransact(t, e.Store); !t.Failed() {
		all, err := e.Transact(t.Context(), blind, []engine.Change{{Action: engine.ActPatch, Key: q, Patch: mustPatch(`[]`)}})
		if err != nil || all[0].Version.Number != 4 || all[0].Version.Body != nil {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

// The scopes of one change of a transaction do not help another, and every one that is missing is told.
func TestTransactionTellsEveryMissingScope(t *testing.T) {
	e, record := newScoped(t)
	mustTransact(t, e.Store)
	_, err := e.Transact(t.Context(), with(fhir.Scopes{"Patient": d, "Location": u}), []engine.Change{
		{Action: engine.ActUpdate, Key: pKey, Resource: newPatient()},
		{Action: engine.ActDelete, Key: fhir.Key{Type: "Patient", ID: "other"}},
		{Action: engine.ActDelete, Key: fhir.Key{Type: "Location", ID: "l"}},
	})
	var faults engine.ChangeErrors
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].Index != 0 || faults[1].Index != 2 {
		t.Fatalf("%v", err)
	}
	want := []string{
		"update Patient/p 0 ? 4 The credential does not permit this; it takes the scope system/Patient.u.",
		"delete Patient/other 0 ? 4 conflict: conflict",
		"delete Location/l 0 ? 4 The credential does not permit this; it takes the scope system/Location.d.",
	}
	if diff := cmp.Diff(want, record.take()); diff != "" {
		t.Error(diff)
	}
}

// The server's own definitions are open to everybody.
func TestDefinitionsTakeNoScope(t *testing.T) {
	e, record := newScoped(t)
	own := e.OfDefinitions([]fhir.Resource{mustParse(`{"resourceType":"SearchParameter","id":"x","url":"http://example.org/x","name":"x","status":"active","description":"d","code":"x","base":["Patient"],"type":"string"}`)}, e.Now())
	if _, err := own.Read(t.Context(), with(nil), fhir.Key{Type: "SearchParameter", ID: "x"}); err != nil {
		t.Error(err)
	}
	if page, err := own.Search(t.Context(), with(nil), engine.SearchRequest{Type: "SearchParameter", Query: "url=http://example.org/x"}); err != nil || len(page.Versions) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if n := len(record.take()); n != 2 {
		t.Errorf("%d records", n)
	}
}
