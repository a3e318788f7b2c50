package r4_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/r4"
)

// served are the resource types that the program serves by default.
var served = []string{
	"Appointment", "AppointmentResponse", "AuditEvent", "DocumentReference", "Encounter", "HealthcareService", "Location",
	"Observation", "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "RelatedPerson",
	"Schedule", "ServiceRequest", "Slot", "Subscription", "Task",
}

func TestTypes(t *testing.T) {
	for _, tt := range []struct {
		name, base string
		kind       r4.Kind
		abstract   bool
	}{
		{"Patient", "DomainResource", r4.Resource, false},
		{"Bundle", "Resource", r4.Resource, false},
		{"DomainResource", "Resource", r4.Resource, true},
		{"Resource", "", r4.Resource, true},
		{"HumanName", "Element", r4.Complex, false},
		{"Age", "Quantity", r4.Complex, false},
		{"BackboneElement", "Element", r4.Complex, true},
		{"dateTime", "Element", r4.Primitive, false},
		{"positiveInt", "integer", r4.Primitive, false},
	} {
		typ := r4.Lookup(tt.name)
		if typ == nil {
			t.Errorf("Lookup(%q) is nil", tt.name)
			continue
		}
		if typ.Name != tt.name || typ.Base != tt.base || typ.Kind != tt.kind || typ.Abstract != tt.abstract {
			t.Errorf("Lookup(%q) = %s, base %q, %v, abstract %v", tt.name, typ.Name, typ.Base, typ.Kind, typ.Abstract)
		}
	}
	for _, name := range []string{"", "patient", "SimpleQuantity", "vitalsigns", "Foo"} {
		if r4.Lookup(name) != nil {
			t.Errorf("Lookup(%q) is not nil", name)
		}
	}
}

func TestResourceTypes(t *testing.T) {
	names := r4.ResourceTypes()
	if len(names) != 146 || !slices.IsSorted(names) {
		t.Errorf("%d types, sorted %v; want 146, sorted", len(names), slices.IsSorted(names))
	}
	for _, name := range served {
		if !slices.Contains(names, name) || !r4.IsResource(name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"Resource", "DomainResource", "HumanName", "string", "patient", ""} {
		if r4.IsResource(name) {
			t.Errorf("IsResource(%q)", name)
		}
	}
}

// TestChild walks from a type along JSON member names, as a validator does.
func TestChild(t *testing.T) {
	for _, tt := range []struct {
		from     string
		members  []string
		path     string
		typeCode string
		min, max int
	}{
		{"Patient", []string{"birthDate"}, "Patient.birthDate", "date", 0, 1},
		{"Patient", []string{"deceasedDateTime"}, "Patient.deceased[x]", "dateTime", 0, 1},
		{"Patient", []string{"deceasedBoolean"}, "Patient.deceased[x]", "boolean", 0, 1},
		{"Patient", []string{"contact"}, "Patient.contact", "BackboneElement", 0, -1},
		{"Patient", []string{"contact", "name", "family"}, "HumanName.family", "string", 0, 1},
		{"Patient", []string{"id"}, "Patient.id", "id", 0, 1}, // string in the definitions
		{"Patient", []string{"name", "id"}, "HumanName.id", "string", 0, 1},
		{"Patient", []string{"contained"}, "Patient.contained", "Resource", 0, -1},
		{"Patient", []string{"text", "div"}, "Narrative.div", "xhtml", 1, 1},
		{"Patient", []string{"extension", "url"}, "Extension.url", "uri", 1, 1},
		{"Patient", []string{"extension", "extension", "valueHumanName", "given"}, "HumanName.given", "string", 0, -1},
		{"Appointment", []string{"participant"}, "Appointment.participant", "BackboneElement", 1, -1},
		{"Appointment", []string{"start"}, "Appointment.start", "instant", 0, 1},
		{"Observation", []string{"component", "valueQuantity", "value"}, "Quantity.value", "decimal", 0, 1},
		{"Observation", []string{"component", "referenceRange", "low"}, "Observation.referenceRange.low", "Quantity", 0, 1},
		{"Questionnaire", []string{"item", "item", "item", "linkId"}, "Questionnaire.item.linkId", "string", 1, 1},
		{"Timing", []string{"repeat", "boundsPeriod", "start"}, "Period.start", "dateTime", 0, 1},
		{"Bundle", []string{"entry", "link", "relation"}, "Bundle.link.relation", "string", 1, 1},
		{"Bundle", []string{"entry", "resource"}, "Bundle.entry.resource", "Resource", 0, 1},
		{"date", []string{"extension", "valueString"}, "Extension.value[x]", "string", 0, 1},
	} {
		e, typ := r4.Lookup(tt.from).Root, (*r4.TypeRef)(nil)
		for i, name := range tt.members {
			if i > 0 {
				e = e.Descend(typ)
			}
			if e, typ = e.Child(name); e == nil {
				t.Fatalf("%s %v: no %s", tt.from, tt.members, name)
			}
		}
		if e.Path != tt.path || typ.Code != tt.typeCode || e.Min != tt.min || e.Max != tt.max {
			t.Errorf("%s %v = %s %s %d..%d, want %s %s %d..%d", tt.from, tt.members,
				e.Path, typ.Code, e.Min, e.Max, tt.path, tt.typeCode, tt.min, tt.max)
		}
	}
}

func TestChildUnknown(t *testing.T) {
	root := r4.Lookup("Patient").Root
	for _, name := range []string{"", "deceased", "deceasedString", "DeceasedBoolean", "_birthDate", "resourceType", "deceased[x]", "Patient"} {
		if e, typ := root.Child(name); e != nil || typ != nil {
			t.Errorf("Child(%q) = %v, %v", name, e.Path, typ.Code)
		}
	}
}

func TestDescendEnds(t *testing.T) {
	root := r4.Lookup("Patient").Root
	for _, name := range []string{"birthDate", "contained", "deceasedBoolean"} {
		e, typ := root.Child(name)
		if below := e.Descend(typ); below != nil {
			t.Errorf("below %s: %s", name, below.Path)
		}
	}
	if e, typ := r4.Lookup("date").Root.Child("value"); e != nil {
		t.Errorf("a primitive has a member value of type %s", typ.Code)
	}
}

func TestElementFacts(t *testing.T) {
	gender, _ := r4.Lookup("Patient").Root.Child("gender")
	if gender.Required != "http://hl7.org/fhir/ValueSet/administrative-gender" || !gender.Summary || gender.Modifier || gender.Repeats() {
		t.Errorf("Patient.gender: %q, summary %v, modifier %v", gender.Required, gender.Summary, gender.Modifier)
	}
	status, _ := r4.Lookup("Appointment").Root.Child("status")
	if !status.Modifier || status.Min != 1 {
		t.Errorf("Appointment.status: modifier %v, min %d", status.Modifier, status.Min)
	}
	marital, _ := r4.Lookup("Patient").Root.Child("maritalStatus")
	if marital.Required != "" {
		t.Errorf("Patient.maritalStatus has an extensible binding, not %q", marital.Required)
	}
	_, gp := r4.Lookup("Patient").Root.Child("generalPractitioner")
	if diff := cmp.Diff([]string{"Organization", "Practitioner", "PractitionerRole"}, gp.Targets); diff != "" {
		t.Error(diff)
	}
	_, focus := r4.Lookup("Task").Root.Child("focus")
	if focus.Code != "Reference" || focus.Targets != nil {
		t.Errorf("Task.focus: %+v, want a reference to any resource", focus)
	}
}

func TestElementInvariants(t *testing.T) {
	for _, tt := range []struct {
		typ     string
		members []string
		want    []string
	}{
		{"Appointment", nil, []string{"dom-2", "dom-3", "dom-4", "dom-5", "app-2", "app-3", "app-4"}},
		{"Appointment", []string{"participant"}, []string{"ele-1", "app-1"}},
		{"Patient", []string{"contact"}, []string{"ele-1", "pat-1"}},
		{"Patient", []string{"extension"}, []string{"ele-1", "ext-1"}},
		{"Patient", []string{"id"}, nil},
		{"Observation", []string{"component", "referenceRange"}, []string{"ele-1", "obs-3"}}, // obs-3 comes with the contentReference
		{"Observation", []string{"referenceRange", "high"}, []string{"ele-1", "sqty-1"}},     // a SimpleQuantity
		{"Quantity", nil, []string{"ele-1", "qty-3"}},
	} {
		e := r4.Lookup(tt.typ).Root
		for _, name := range tt.members {
			e, _ = e.Child(name)
		}
		slices.Sort(tt.want)
		got := slices.Sorted(slices.Values(e.Invariants))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %v: %s", tt.typ, tt.members, diff)
		}
	}
	if got := r4.Lookup("Patient").Root.Warnings; !slices.Equal(got, []string{"dom-6"}) {
		t.Errorf("Patient's warnings are %v", got)
	}
}

func TestFindInvariant(t *testing.T) {
	for _, tt := range []struct{ typ, key, owner, expression string }{
		{"Appointment", "app-2", "Appointment", "start.exists() = end.exists()"},
		{"Patient", "ele-1", "Element", "hasValue() or (children().count() > id.count())"},
		{"Observation", "sqty-1", "SimpleQuantity", "comparator.empty()"},
		{"Task", "inv-1", "Task", "lastModified.exists().not() or authoredOn.exists().not() or lastModified >= authoredOn"},
		{"TestReport", "inv-1", "TestReport", "operation.exists() xor assert.exists()"},
	} {
		got, found := r4.FindInvariant(tt.typ, tt.key)
		want := r4.Invariant{Key: tt.key, Owner: tt.owner, Severity: "error", Expression: tt.expression}
		if diff := cmp.Diff(want, got); !found || diff != "" {
			t.Errorf("%s %s: found %v %s", tt.typ, tt.key, found, diff)
		}
	}
	if inv, found := r4.FindInvariant("Patient", "pat-99"); found {
		t.Errorf("found %v", inv)
	}
	if inv, _ := r4.FindInvariant("Patient", "dom-6"); inv.Severity != "warning" {
		t.Errorf("dom-6 is %q", inv.Severity)
	}
}

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		valueSet, system string
		want             []string
		complete         bool
	}{
		{"http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender",
			[]string{"male", "female", "other", "unknown"}, true},
		{"http://hl7.org/fhir/ValueSet/slotstatus", "http://hl7.org/fhir/slotstatus",
			[]string{"busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"}, true},
		{"http://hl7.org/fhir/ValueSet/appointmentstatus", "http://hl7.org/fhir/appointmentstatus",
			[]string{"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in", "waitlist"}, true},
		{"http://hl7.org/fhir/ValueSet/mimetypes", "", nil, false},
		{"http://hl7.org/fhir/ValueSet/currencies", "", nil, false},
		{"http://example.org/unknown", "", nil, false},
	} {
		codes, complete := r4.Codes(tt.valueSet)
		if diff := cmp.Diff(tt.want, codes); diff != "" || complete != tt.complete {
			t.Errorf("%s: complete %v %s", tt.valueSet, complete, diff)
		}
		codings, _ := r4.Codings(tt.valueSet)
		for i, c := range codings {
			if c != (r4.Coding{System: tt.system, Code: tt.want[i]}) {
				t.Errorf("%s: %v", tt.valueSet, c)
			}
		}
	}
}

// Task.intent is bound to a value set that takes codes from two systems.
func TestCodingsOfSeveralSystems(t *testing.T) {
	intent, _ := r4.Lookup("Task").Root.Child("intent")
	codings, complete := r4.Codings(intent.Required)
	for _, want := range []r4.Coding{
		{System: "http://hl7.org/fhir/task-intent", Code: "unknown"},
		{System: "http://hl7.org/fhir/request-intent", Code: "order"},
	} {
		if !complete || !slices.Contains(codings, want) {
			t.Errorf("%v is not in %v", want, codings)
		}
	}
}

func TestAbstractCodesAreLeftOut(t *testing.T) {
	codes, _ := r4.Codes("http://hl7.org/fhir/ValueSet/item-type")
	if !slices.Contains(codes, "group") || !slices.Contains(codes, "choice") || slices.Contains(codes, "question") {
		t.Errorf("item-type: %v", codes)
	}
}

func TestCompartment(t *testing.T) {
	patient := r4.Compartment("Patient")
	for typ, want := range map[string][]string{
		"Appointment":  {"actor"},
		"Patient":      {"link"},
		"Observation":  {"subject", "performer"},
		"Practitioner": nil, // never in it
	} {
		if diff := cmp.Diff(want, patient[typ]); diff != "" {
			t.Errorf("%s: %s", typ, diff)
		}
	}
	for _, name := range []string{"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"} {
		if len(r4.Compartment(name)) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	if r4.Compartment("Practitioner")["Practitioner"] != nil {
		t.Error("{def} should not be there")
	}
	if r4.Compartment("Location") != nil {
		t.Error("Location is no compartment")
	}
}

func TestChildAllocatesNothing(t *testing.T) {
	root := r4.Lookup("Observation").Root
	component, componentType := root.Child("component")
	n := testing.AllocsPerRun(100, func() {
		e, typ := component.Descend(componentType).Child("valueQuantity")
		e, _ = e.Descend(typ).Child("value")
		if e.Path != "Quantity.value" {
			t.Error(e.Path)
		}
		root.Child("unknown")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
