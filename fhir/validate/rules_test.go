package validate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/validate"
)

// Resources to put elements into: each is valid with what replaces the three dots.
const (
	appointment = `{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/1"},"status":"accepted"}],…}`
	observation = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://example.org","code":"a"}]},…}`
	auditEvent  = `{"resourceType":"AuditEvent","type":{"code":"x"},"recorded":"2026-01-01T10:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}},…}`
	task        = `{"resourceType":"Task","status":"draft","intent":"order",…}`
	bundle      = `{"resourceType":"Bundle",…}`
	parameters  = `{"resourceType":"Parameters","parameter":[{"name":"x",…}]}`
	extended    = `{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"http://example.org/x",…}]}`
	containing  = `{"resourceType":"Patient","managingOrganization":{"reference":"#o"},"contained":[{"resourceType":"Organization","id":"o","name":"O",…}]}`
	ucum        = `"system":"http://unitsofmeasure.org"`
	narrative   = `{"resourceType":"Patient","text":{"status":"generated","div":"…"}}`
)

// ruleCases holds for every programmed invariant what keeps it and what breaks it, and where that is told.
var ruleCases = []struct {
	key, frame, path string
	holds, breaks    []string
}{
	{"ele-1", extended, "Basic.extension[0].value",
		[]string{`"valuePeriod":{"id":"a","start":"2026"}`}, []string{`"valuePeriod":{"id":"a"}`}},
	{"ext-1", extended, "Basic.extension[0]",
		[]string{`"valueCode":"a"`, `"extension":[{"url":"y","valueCode":"a"}]`, `"_valueCode":{"extension":[{"url":"y","valueCode":"a"}]}`},
		[]string{`"id":"a"`, `"valueCode":"a","extension":[{"url":"y","valueCode":"a"}]`}},
	{"ref-1", extended, "Basic.extension[0].value", []string{`"valueReference":{"reference":"#"}`}, []string{`"valueReference":{"reference":"#a"}`}},
	{"att-1", extended, "Basic.extension[0].value",
		[]string{`"valueAttachment":{"data":"AAAA","contentType":"text/plain"}`, `"valueAttachment":{"url":"http://example.org"}`},
		[]string{`"valueAttachment":{"data":"AAAA"}`}},
	{"cpt-2", extended, "Basic.extension[0].value",
		[]string{`"valueContactPoint":{"system":"phone","value":"01632 960001"}`, `"valueContactPoint":{"rank":1}`}, []string{`"valueContactPoint":{"value":"01632 960001"}`}},
	{"exp-1", extended, "Basic.extension[0].value",
		[]string{`"valueExpression":{"language":"text/cql","expression":"x"}`, `"valueExpression":{"language":"text/cql","reference":"http://example.org"}`},
		[]string{`"valueExpression":{"language":"text/cql"}`}},
	{"drq-1", extended, "Basic.extension[0].value.codeFilter[0]",
		[]string{`"valueDataRequirement":{"type":"Patient","codeFilter":[{"path":"a"},{"searchParam":"b"}]}`},
		[]string{`"valueDataRequirement":{"type":"Patient","codeFilter":[{"valueSet":"http://example.org"}]}`, `"valueDataRequirement":{"type":"Patient","codeFilter":[{"path":"a","searchParam":"b"}]}`}},
	{"drq-2", extended, "Basic.extension[0].value.dateFilter[0]",
		[]string{`"valueDataRequirement":{"type":"Patient","dateFilter":[{"path":"a"},{"searchParam":"b"}]}`},
		[]string{`"valueDataRequirement":{"type":"Patient","dateFilter":[{"valueDateTime":"2026"}]}`}},
	{"trd-1", extended, "Basic.extension[0].value",
		[]string{`"valueTriggerDefinition":{"type":"data-added","data":[{"type":"Patient"}]}`},
		[]string{`"valueTriggerDefinition":{"type":"data-added","data":[{"type":"Patient"}],"timingDate":"2026-01-01"}`}},
	{"trd-2", extended, "Basic.extension[0].value",
		[]string{`"valueTriggerDefinition":{"type":"data-added","data":[{"type":"Patient"}],"condition":{"language":"text/cql","expression":"x"}}`},
		[]string{`"valueTriggerDefinition":{"type":"named-event","name":"a","condition":{"language":"text/cql","expression":"x"}}`}},
	{"trd-3", extended, "Basic.extension[0].value",
		[]string{`"valueTriggerDefinition":{"type":"named-event","name":"a"}`, `"valueTriggerDefinition":{"type":"periodic","timingDate":"2026-01-01"}`},
		[]string{`"valueTriggerDefinition":{"type":"named-event"}`, `"valueTriggerDefinition":{"type":"periodic"}`, `"valueTriggerDefinition":{"type":"data-added"}`}},

	{"qty-3", extended, "Basic.extension[0].value",
		[]string{`"valueQuantity":{"value":1,"code":"kg",` + ucum + `}`, `"valueQuantity":{"value":1,"unit":"kg"}`}, []string{`"valueQuantity":{"value":1,"code":"kg"}`}},
	{"sqty-1", extended, "Basic.extension[0].value.low",
		[]string{`"valueRange":{"low":{"value":1}}`}, []string{`"valueRange":{"low":{"value":1,"comparator":">"}}`}},
	{"age-1", extended, "Basic.extension[0].value",
		[]string{`"valueAge":{"value":0.5,"code":"a",` + ucum + `}`, `"valueAge":{"unit":"years"}`},
		[]string{`"valueAge":{"value":1}`, `"valueAge":{"value":0.0,"code":"a",` + ucum + `}`, `"valueAge":{"value":-1,"code":"a",` + ucum + `}`, `"valueAge":{"value":1,"code":"a","system":"http://example.org"}`}},
	{"dis-1", extended, "Basic.extension[0].value",
		[]string{`"valueDistance":{"value":1,"code":"m",` + ucum + `}`}, []string{`"valueDistance":{"value":1}`, `"valueDistance":{"value":1,"code":"m","system":"http://example.org"}`}},
	{"cnt-3", extended, "Basic.extension[0].value",
		[]string{`"valueCount":{"value":3,"code":"1",` + ucum + `}`},
		[]string{`"valueCount":{"value":3}`, `"valueCount":{"value":3.0,"code":"1",` + ucum + `}`, `"valueCount":{"value":3,"code":"m",` + ucum + `}`}},
	{"drt-1", extended, "Basic.extension[0].value",
		[]string{`"valueDuration":{"value":1,"code":"h",` + ucum + `}`, `"valueDuration":{"value":1,"unit":"hours"}`},
		[]string{`"valueDuration":{"code":"h",` + ucum + `}`, `"valueDuration":{"value":1,"code":"h","system":"http://example.org"}`}},
	{"rng-2", extended, "Basic.extension[0].value",
		[]string{`"valueRange":{"low":{"value":1.0},"high":{"value":1}}`, `"valueRange":{"low":{"value":-2e3},"high":{"value":-1999.9}}`, `"valueRange":{"low":{"value":2,"unit":"m"},"high":{"value":1,"unit":"km"}}`},
		[]string{`"valueRange":{"low":{"value":1.01},"high":{"value":1.0}}`, `"valueRange":{"low":{"value":1e6000},"high":{"value":9e5999}}`, `"valueRange":{"low":{"value":-1},"high":{"value":-1.5}}`, `"valueRange":{"low":{"value":0},"high":{"value":-0.1}}`}},
	{"rat-1", extended, "Basic.extension[0].value",
		[]string{`"valueRatio":{"numerator":{"value":1},"denominator":{"value":2}}`, `"valueRatio":{"extension":[{"url":"http://example.org/y","valueCode":"a"}]}`},
		[]string{`"valueRatio":{"numerator":{"value":1}}`, `"valueRatio":{"denominator":{"value":1}}`}},

	{"per-1", extended, "Basic.extension[0].value",
		[]string{
			`"valuePeriod":{"start":"2026-01-01","end":"2026-01-01"}`,
			`"valuePeriod":{"start":"2026-05","end":"2026-05-03"}`,
			`"valuePeriod":{"start":"2026-05-03","end":"2026-05"}`,
			`"valuePeriod":{"start":"2026-05-03T09:00:00Z","end":"2026-05-03T11:00:00+02:00"}`,
			`"valuePeriod":{"start":"2026-05-03T23:30:00-05:00","end":"2026-05-03"}`,
			`"valuePeriod":{"start":"2026-05-03"}`,
		},
		[]string{
			`"valuePeriod":{"start":"2026-01-02","end":"2026-01-01"}`,
			`"valuePeriod":{"start":"2026-06","end":"2026-05-03"}`,
			`"valuePeriod":{"start":"2026-05-03T09:00:00Z","end":"2026-05-03T10:00:00+02:00"}`,
			`"valuePeriod":{"start":"2026-05-05T00:00:00Z","end":"2026-05-03"}`,
		}},
	{"tim-1", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"duration":1,"durationUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"duration":1}}`}},
	{"tim-2", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"period":1,"periodUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"period":1}}`}},
	{"tim-4", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"duration":0,"durationUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"duration":-1,"durationUnit":"h"}}`}},
	{"tim-5", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"period":0.0,"periodUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"period":-0.1,"periodUnit":"h"}}`}},
	{"tim-6", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"period":1,"periodMax":2,"periodUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"periodMax":2}}`}},
	{"tim-7", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"duration":1,"durationMax":2,"durationUnit":"h"}}`}, []string{`"valueTiming":{"repeat":{"durationMax":2}}`}},
	{"tim-8", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"count":1,"countMax":2}}`}, []string{`"valueTiming":{"repeat":{"countMax":2}}`}},
	{"tim-9", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"offset":1,"when":["AC","PC"]}}`, `"valueTiming":{"repeat":{"when":["C"]}}`},
		[]string{`"valueTiming":{"repeat":{"offset":1}}`, `"valueTiming":{"repeat":{"offset":1,"when":["AC","C"]}}`}},
	{"tim-10", extended, "Basic.extension[0].value.repeat",
		[]string{`"valueTiming":{"repeat":{"timeOfDay":["09:00:00"]}}`}, []string{`"valueTiming":{"repeat":{"timeOfDay":["09:00:00"],"when":["MORN"]}}`}},

	{"dom-2", containing, "Patient.contained[0]", []string{`"active":true`}, []string{`"contained":[{"resourceType":"Patient"}]`}},
	{"dom-3", `{"resourceType":"Patient","contained":[{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/1"}}],…}`, "Patient.contained[0]",
		[]string{`"link":[{"other":{"reference":"#r"},"type":"refer"}]`, `"implicitRules":"#r"`, `"extension":[{"url":"http://example.org/x","valueCanonical":"#r"}]`},
		[]string{`"active":true`, `"link":[{"other":{"display":"#r"},"type":"refer"}]`}},
	{"dom-4", containing, "Patient.contained[0]",
		[]string{`"meta":{"profile":["http://example.org"]}`}, []string{`"meta":{"versionId":"1"}`, `"meta":{"lastUpdated":"2026-01-01T00:00:00Z"}`}},
	{"dom-5", containing, "Patient.contained[0]", []string{`"meta":{"tag":[{"code":"a"}]}`}, []string{`"meta":{"security":[{"code":"a"}]}`}},
	{"dom-6", `{"resourceType":"Patient",…}`, "Patient",
		[]string{`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>"}`}, []string{`"active":true`}},
	{"txt-1", narrative, "Patient.text.`div`", []string{`<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>`}, []string{`<div xmlns=\"http://www.w3.org/1999/xhtml\">A<script/></div>`}},
	{"txt-2", narrative, "Patient.text.`div`", []string{`<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"a\"/></div>`}, []string{`<div xmlns=\"http://www.w3.org/1999/xhtml\"/>`, `<div xmlns=\"http://www.w3.org/1999/xhtml\"><img/></div>`}},

	{"app-1", `{"resourceType":"Appointment","status":"proposed","participant":[{"status":"accepted",…}]}`, "Appointment.participant[0]",
		[]string{`"type":[{"text":"x"}]`, `"actor":{"display":"x"}`}, []string{`"required":"required"`}},
	{"app-2", appointment, "Appointment",
		[]string{`"status":"proposed"`, `"status":"booked","start":"2026-01-01T09:00:00Z","end":"2026-01-01T09:30:00Z"`},
		[]string{`"status":"proposed","start":"2026-01-01T09:00:00Z"`, `"status":"proposed","end":"2026-01-01T09:00:00Z"`}},
	{"app-3", appointment, "Appointment", []string{`"status":"waitlist"`, `"status":"cancelled"`}, []string{`"status":"booked"`, `"status":"noshow"`}},
	{"app-4", appointment, "Appointment",
		[]string{`"status":"cancelled","cancelationReason":{"text":"x"}`, `"status":"noshow","start":"2026-01-01T09:00:00Z","end":"2026-01-01T09:30:00Z","cancelationReason":{"text":"x"}`},
		[]string{`"status":"proposed","cancelationReason":{"text":"x"}`}},
	{"apr-1", `{"resourceType":"AppointmentResponse","appointment":{"reference":"Appointment/1"},"participantStatus":"accepted",…}`, "AppointmentResponse",
		[]string{`"actor":{"reference":"Patient/1"}`, `"participantType":[{"text":"x"}]`}, []string{`"comment":"x"`}},
	{"inv-1", task, "Task",
		[]string{`"authoredOn":"2026-01-01","lastModified":"2026-01-01T00:00:00Z"`, `"lastModified":"2026-01-01"`},
		[]string{`"authoredOn":"2026-01-02T10:00:00Z","lastModified":"2026-01-02T09:59:59Z"`}},
	{"pat-1", `{"resourceType":"Patient","contact":[{…}]}`, "Patient.contact[0]",
		[]string{`"name":{"family":"A"}`, `"telecom":[{"rank":1}]`, `"address":{"city":"A"}`, `"organization":{"display":"A"}`}, []string{`"gender":"male"`}},
	{"org-1", `{"resourceType":"Organization",…}`, "Organization", []string{`"name":"A"`, `"identifier":[{"value":"1"}]`}, []string{`"active":true`}},
	{"org-2", `{"resourceType":"Organization","name":"A",…}`, "Organization.address[0]", []string{`"address":[{"use":"work"}]`}, []string{`"address":[{"use":"home"}]`}},
	{"org-3", `{"resourceType":"Organization","name":"A",…}`, "Organization.telecom[0]", []string{`"telecom":[{"use":"work"}]`}, []string{`"telecom":[{"use":"home"}]`}},
	{"prr-1", `{"resourceType":"ServiceRequest","status":"draft","intent":"order","subject":{"reference":"Patient/1"},…}`, "ServiceRequest",
		[]string{`"orderDetail":[{"text":"x"}],"code":{"text":"x"}`}, []string{`"orderDetail":[{"text":"x"}]`}},

	{"obs-3", observation, "Observation.referenceRange[0]",
		[]string{`"referenceRange":[{"low":{"value":1}},{"high":{"value":1}},{"text":"x"}]`}, []string{`"referenceRange":[{"type":{"text":"x"}}]`}},
	{"obs-6", observation, "Observation",
		[]string{`"valueString":"x"`, `"dataAbsentReason":{"text":"x"}`}, []string{`"valueString":"x","dataAbsentReason":{"text":"x"}`}},
	{"obs-7", observation, "Observation",
		[]string{
			`"valueString":"x","component":[{"code":{"coding":[{"system":"http://example.org","code":"b"}]}}]`,
			`"component":[{"code":{"coding":[{"system":"http://example.org","code":"a"}]}}]`,
		},
		[]string{`"valueString":"x","component":[{"code":{"coding":[{"code":"z"},{"system":"http://example.org","code":"a"}]}}]`}},
	{"sev-1", auditEvent, "AuditEvent.entity[0]",
		[]string{`"entity":[{"name":"x"}]`, `"entity":[{"query":"AAAA"}]`}, []string{`"entity":[{"name":"x","query":"AAAA"}]`}},

	{"bdl-1", bundle, "Bundle", []string{`"type":"searchset","total":0`}, []string{`"type":"collection","total":0`}},
	{"bdl-2", bundle, "Bundle",
		[]string{`"type":"searchset","entry":[{"search":{"mode":"match"},"resource":{"resourceType":"Patient"}}]`},
		[]string{`"type":"collection","entry":[{"search":{"mode":"match"},"resource":{"resourceType":"Patient"}}]`}},
	{"bdl-3", bundle, "Bundle",
		[]string{`"type":"batch","entry":[{"request":{"method":"GET","url":"Patient"}}]`, `"type":"batch"`},
		[]string{`"type":"transaction","entry":[{"resource":{"resourceType":"Patient"}}]`, `"type":"collection","entry":[{"request":{"method":"GET","url":"Patient"}}]`}},
	{"bdl-4", bundle, "Bundle",
		[]string{`"type":"batch-response","entry":[{"response":{"status":"200"}}]`}, []string{`"type":"batch-response","entry":[{"resource":{"resourceType":"Patient"}}]`}},
	{"bdl-5", bundle, "Bundle.entry[0]",
		[]string{`"type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]`}, []string{`"type":"collection","entry":[{"fullUrl":"urn:oid:1.2"}]`}},
	{"bdl-7", bundle, "Bundle",
		[]string{`"type":"collection","entry":[{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient","meta":{"versionId":"1"}}},{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient","meta":{"versionId":"2"}}},{"resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Patient"}}]`},
		[]string{`"type":"collection","entry":[{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient"}},{"fullUrl":"urn:oid:1.2","resource":{"resourceType":"Patient"}}]`}},
	{"bdl-8", bundle, "Bundle.entry[0]",
		[]string{`"type":"collection","entry":[{"fullUrl":"http://example.org/Patient/1","resource":{"resourceType":"Patient"}}]`},
		[]string{`"type":"collection","entry":[{"fullUrl":"http://example.org/Patient/1/_history/1","resource":{"resourceType":"Patient"}}]`}},
	{"bdl-9", bundle, "Bundle", []string{`"type":"document","identifier":{"system":"http://example.org","value":"1"}`}, []string{`"type":"document","identifier":{"value":"1"}`, `"type":"document"`}},
	{"bdl-10", bundle, "Bundle", []string{`"type":"document","timestamp":"2026-01-01T00:00:00Z"`}, []string{`"type":"document"`}},
	{"bdl-11", bundle, "Bundle", []string{`"type":"collection"`}, []string{`"type":"document","entry":[{"resource":{"resourceType":"Patient"}}]`, `"type":"document"`}},
	{"bdl-12", bundle, "Bundle",
		[]string{`"type":"message","entry":[{"resource":{"resourceType":"MessageHeader","eventCode":"x","source":{"endpoint":"http://example.org"}}}]`},
		[]string{`"type":"message","entry":[{"resource":{"resourceType":"Patient"}}]`}},
	{"inv-1", parameters, "Parameters.parameter[0]",
		[]string{`"valueCode":"a"`, `"resource":{"resourceType":"Patient"}`, `"part":[{"name":"y","valueCode":"a"}]`},
		[]string{`"id":"a"`, `"valueCode":"a","resource":{"resourceType":"Patient"}`, `"valueCode":"a","part":[{"name":"y","valueCode":"a"}]`}},
}

func TestRules(t *testing.T) {
	for _, tt := range ruleCases {
		for _, content := range tt.holds {
			if issue, broken := findIssue(t, tt.frame, content, tt.key); broken {
				t.Errorf("%s with %s: %v", tt.key, content, issue)
			}
		}
		for _, content := range tt.breaks {
			issue, broken := findIssue(t, tt.frame, content, tt.key)
			if !broken || issue.Path != tt.path || issue.Code != fhir.CodeInvariant {
				t.Errorf("%s with %s: broken %v, issue %v, want it at %s", tt.key, content, broken, issue, tt.path)
			}
		}
		if len(tt.holds) == 0 || len(tt.breaks) == 0 {
			t.Errorf("%s has no case that holds, or none that breaks", tt.key)
		}
	}
}

// findIssue looks for the issue of an invariant in the report on a resource.
func findIssue(t *testing.T, frame, content, key string) (fhir.Issue, bool) {
	t.Helper()
	for _, i := range shared.Report(parse(t, strings.Replace(frame, "…", content, 1))) {
		if strings.HasSuffix(i.Detail, "("+key+").") {
			return i, true
		}
	}
	return fhir.Issue{}, false
}

// TestRulesAreUnprocessable: an invariant alone is refused with 422, a warning not at all.
func TestRulesAreUnprocessable(t *testing.T) {
	_, kind := check(t, strings.Replace(appointment, "…", `"status":"booked"`, 1))
	if !errors.Is(kind, fhir.Unprocessable) {
		t.Errorf("kind %v, want %v", kind, fhir.Unprocessable)
	}
	if _, kind := check(t, `{"resourceType":"Patient"}`); kind != nil {
		t.Errorf("refused as %v, though only dom-6 is broken", kind)
	}
}

// TestServedTypesAreWhole: every invariant that R4 states for the served types, and for what carries them, is programmed and
// has its case above.
func TestServedTypesAreWhole(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range ruleCases {
		tested[tt.key] = true
	}
	for _, name := range slices.Concat(served, []string{"Bundle", "Parameters"}) {
		if keys := validate.Unchecked(name); len(keys) > 0 {
			t.Errorf("%s: nobody checks %v", name, keys)
		}
		for key := range stated(r4.Lookup(name).Root, map[*r4.Element]bool{}, map[string]bool{}) {
			if !tested[key] {
				t.Errorf("%s states %s, which has no case", name, key)
			}
		}
	}
}

// stated gathers the keys of an element, of what is below it and of its data types.
func stated(e *r4.Element, seen map[*r4.Element]bool, keys map[string]bool) map[string]bool {
	if seen[e] {
		return keys
	}
	seen[e] = true
	for _, key := range slices.Concat(e.Invariants, e.Warnings) {
		keys[key] = true
	}
	for _, t := range e.Types {
		if typ := r4.Lookup(t.Code); typ.Kind == r4.Complex {
			stated(typ.Root, seen, keys)
		}
	}
	for _, child := range e.Children {
		stated(child, seen, keys)
	}
	return keys
}

func TestUnchecked(t *testing.T) {
	keys := validate.Unchecked("Questionnaire")
	if !slices.IsSorted(keys) || !slices.Contains(keys, "que-1") || slices.Contains(keys, "dom-3") || slices.Contains(keys, "txt-1") {
		t.Errorf("Questionnaire: %v", keys)
	}
	if keys := validate.Unchecked("TestReport"); !slices.Contains(keys, "inv-1") {
		t.Errorf("TestReport: %v; its inv-1 is another than Task's", keys)
	}
	if keys := validate.Unchecked("HumanName"); keys != nil {
		t.Errorf("HumanName: %v", keys)
	}
}
