package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/validate"
)

// interactions are all that are recorded.
var interactions = []audit.Interaction{
	audit.Read, audit.Vread, audit.HistoryInstance, audit.HistoryType, audit.HistorySystem, audit.SearchType, audit.SearchSystem, audit.Create, audit.Update,
	audit.Patch, audit.Delete, audit.Operation, audit.Login,
}

func TestAuditEventsAreValid(t *testing.T) {
	validator := validate.New()
	for _, interaction := range interactions {
		for _, outcome := range []audit.Outcome{audit.Success, audit.Refused, audit.Failed} {
			for name, change := range map[string]func(*audit.Event){
				"plain":           func(*audit.Event) {},
				"nothing known":   func(e *audit.Event) { *e = audit.Event{} },
				"of a type":       func(e *audit.Event) { e.Key.ID, e.Number = "", 0 },
				"of a search":     func(e *audit.Event) { e.Key.ID, e.Number, e.Query = "", 0, "name=%C3%A9" },
				"many patients":   func(e *audit.Event) { e.Patients = []string{"1", "2", "3"} },
				"no resource":     func(e *audit.Event) { e.Key = fhir.Key{Type: "a b", ID: "é\x00"} },
				"an unknown type": func(e *audit.Event) { e.Key = fhir.Key{Type: "Nothing", ID: "1"} },
				"a blank id":      func(e *audit.Event) { e.Key = fhir.Key{Type: " ", ID: " "} },
				"texts of no string": func(e *audit.Event) {
					e.Detail, e.Who.Client, e.Who.Request, e.Who.Address = "a\x01\xff", " ", "\x00", "\xff"
				},
			} {
				e := read("test_abc", "1")
				change(&e)
				e.Instant, e.Interaction, e.Outcome = fhir.InstantOf(start), interaction, outcome
				v := audit.Render(e, "id-0001")
				r, err := fhir.ParseResource(v.Body)
				if err != nil {
					t.Fatal(err)
				}
				if err := validator.Check(r); err != nil {
					t.Errorf("%s, outcome %d, %s: %v\n%s", interaction, outcome, name, err, v.Body)
				}
				if again := audit.Render(e, "id-0001"); !bytes.Equal(v.Body, again.Body) {
					t.Errorf("%s: rendered otherwise the second time", interaction)
				}
			}
		}
	}
}

func TestAuditEvent(t *testing.T) {
	const head = `"resourceType":"AuditEvent","id":"id-0001","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.000000Z"}`
	const source = `"source":{"site":"demo","observer":{"display":"Portico"},"type":[{"system":"http://terminology.hl7.org/CodeSystem/security-source-type","code":"4","display":"Application Server"}]}`
	const request = `{"what":{"identifier":{"value":"req-p1"}},"type":{"system":"https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType","code":"XrequestId"}}`
	const patient = `{"what":{"reference":"Patient/p1"},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"1","display":"Person"},"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"1","display":"Patient"}}`
	const object = `"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"2","display":"System Object"}`
	rest := func(code string) string {
		return fmt.Sprintf(`"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type","code":"rest","display":"RESTful Operation"},"subtype":[{"system":"http://hl7.org/fhir/restful-interaction","code":"%[1]s","display":"%[1]s"}]`, code)
	}
	agents := func(client, server string) string {
		return fmt.Sprintf(`"agent":[{"type":{"coding":[%s]},"who":{"identifier":{"system":"https://github.com/portico-health/portico/fhir/client","value":"c1"}},"altId":"c1","requestor":true,"network":{"address":"192.0.2.7","type":"2"}},{"type":{"coding":[%s]},"who":{"display":"Portico"},"requestor":false}]`, client, server)
	}
	from := agents(`{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110153","display":"Source Role ID"}`, `{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110152","display":"Destination Role ID"}`)
	const recorded = `"recorded":"2026-03-01T12:00:00.000000Z"`
	for _, test := range []struct {
		name   string
		change func(*audit.Event)
		want   string
	}{
		{"a read", func(*audit.Event) {}, rest("read") + `,"action":"R",` + recorded + `,"outcome":"0",` + from + `,` + source + `,"entity":[` + patient +
			`,{"what":{"reference":"Patient/p1/_history/3"},` + object + `,"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"4","display":"Domain Resource"}},` + request + `]`},
		{"a search", func(e *audit.Event) { e.Interaction, e.Key.ID, e.Number, e.Query = audit.SearchType, "", 0, "name=a" },
			rest("search-type") + `,"action":"E",` + recorded + `,"outcome":"0",` + from + `,` + source + `,"entity":[` + patient +
				`,{` + object + `,"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"24","display":"Query"},"query":"UGF0aWVudD9uYW1lPWE="},` + request + `]`},
		{"a deletion that is refused", func(e *audit.Event) {
			e.Interaction, e.Number, e.Patients, e.Outcome, e.Detail = audit.Delete, 0, nil, audit.Refused, "Not allowed."
		}, rest("delete") + `,"action":"D",` + recorded + `,"outcome":"4","outcomeDesc":"Not allowed.",` +
			agents(`{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110150","display":"Application"}`, `{"system":"http://terminology.hl7.org/CodeSystem/provenance-participant-type","code":"custodian","display":"Custodian"}`) +
			`,` + source + `,"entity":[{"what":{"reference":"Patient/p1"},` + object + `,"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"4","display":"Domain Resource"}},` + request + `]`},
		{"a sign-in", func(e *audit.Event) {
			e.Interaction, e.Key, e.Number, e.Patients, e.Who.Request = audit.Login, fhir.Key{}, 0, nil, ""
		},
			`"type":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110114","display":"User Authentication"},"subtype":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110122","display":"Login"}],"action":"E",` +
				recorded + `,"outcome":"0",` + from + `,` + source},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := read("c1", "p1")
			e.Instant = fhir.InstantOf(start)
			test.change(&e)
			v := audit.Render(e, "id-0001")
			want := "{" + head + "," + test.want + "}"
			if diff := cmp.Diff(indented(t, []byte(want)), indented(t, v.Body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func indented(t *testing.T, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	must(t, json.Indent(&out, text, "", " "))
	return out.String()
}
