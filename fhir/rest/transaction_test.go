package rest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// named is an entry with a fullUrl.
func named(fullURL, entry string) string { return `{"fullUrl":"` + fullURL + `",` + entry[1:] }

const (
	elmName   = "urn:uuid:0189bf5c-4c2e-7b0c-9d4a-000000000001"
	otherName = "urn:uuid:0189bf5c-4c2e-7b0c-9d4a-000000000002"
)

// relative is a RelatedPerson of a patient.
func relative(patient string) string {
	return `{"resourceType":"RelatedPerson","patient":{"reference":"` + patient + `"}}`
}

// A transaction does what each entry asks for, reads see what was written, and the answers stand in the order of the entries.
func TestTransaction(t *testing.T) {
	h := open(t).transacting(t)
	for id, family := range map[string]string{"a": "Ash", "b": "Birch", "c": "Cedar", "d": "Dogwood"} {
		h.put(t, id, family)
	}
	h.play(t, []scenario{
		{
			name: "entries of every kind", method: "POST", status: 200,
			body: bundleOf("transaction",
				entry("GET", "Patient/new", ""),
				named(otherName, entry("POST", "RelatedPerson", relative(elmName))),
				named(elmName, entry("POST", "Patient", newPatient("Elm"))),
				entry("GET", "Patient?family=elm", ""),
				entry("PUT", "Patient/new", patient("new", "Fir")),
				entry("PATCH", "Patient/a", jsonPatch(`[{"op":"replace","path":"/name/0/family","value":"Alder"}]`), "ifMatch", `W/"1"`),
				entry("DELETE", "Patient/b", ""),
				entry("DELETE", "Patient?family=nobody", ""),
				entry("PUT", "Patient?family=cedar", newPatient("Cherry")),
				entry("POST", "Patient", newPatient("Dogwood"), "ifNoneExist", "family=dogwood"),
				entry("HEAD", "Patient/a", ""),
				entry("GET", "Patient/b", ""),
				entry("GET", "Patient/a/_history", ""),
				entry("POST", "Patient/$validate", newPatient("Elm")),
				entry("PUT", "Patient?family=fig", patient("fig", "Fig")),
				entry("GET", "Patient/fig", ""),
			),
			paths: map[string]string{
				"type": "transaction-response", "entry[#]": "16", "total": "",
				"entry[0].response.status": "200 OK", "entry[0].resource.name[0].family": "Fir",
				"entry[1].response.status": "201 Created", "entry[1].resource.resourceType": "RelatedPerson",
				"entry[2].response.status": "201 Created", "entry[2].response.etag": `W/"1"`, "entry[2].resource.name[0].family": "Elm",
				"entry[3].resource.total":  "1",
				"entry[4].response.status": "201 Created", "entry[4].response.location": base + "/Patient/new/_history/1",
				"entry[5].response.status": "200 OK", "entry[5].resource.name[0].family": "Alder", "entry[5].response.etag": `W/"2"`,
				"entry[6].response.status": "200 OK", "entry[6].response.etag": `W/"2"`, "entry[6].response.outcome.issue[0].details.text": "Patient/b was deleted.",
				"entry[7].response.status": "200 OK", "entry[7].response.etag": "",
				"entry[8].response.status": "200 OK", "entry[8].resource.id": "c", "entry[8].response.location": "",
				"entry[9].response.status": "200 OK", "entry[9].resource.id": "d", "entry[9].response.location": base + "/Patient/d/_history/1",
				"entry[10].response.status": "200 OK", "entry[10].response.etag": `W/"2"`, "entry[10].resource": "",
				"entry[11].response.status": "410 Gone", "entry[11].response.outcome.issue[0].code": "deleted",
				"entry[12].resource.total":  "2",
				"entry[13].response.status": "200 OK", "entry[13].resource.resourceType": "OperationOutcome",
				"entry[14].response.status": "201 Created", "entry[15].resource.id": "fig",
			},
		},
		{name: "nothing", method: "POST", body: bundleOf("transaction"), status: 200, want: `{"resourceType":"Bundle","type":"transaction-response"}`},
		{
			name: "minimal", method: "POST", header: map[string]string{"Prefer": "return=minimal"}, status: 200, wantHeader: map[string]string{"Preference-Applied": "return=minimal"},
			body:  bundleOf("transaction", entry("PUT", "Patient/m", patient("m", "Maple")), entry("DELETE", "Patient/d", ""), entry("GET", "Patient/m", "")),
			paths: map[string]string{"entry[0].response.status": "201 Created", "entry[0].resource": "", "entry[1].response.status": "204 No Content", "entry[2].resource.id": "m"},
		},
		{
			name: "outcomes", method: "POST", header: map[string]string{"Prefer": "return=OperationOutcome"}, status: 200,
			body:  bundleOf("transaction", entry("PUT", "Patient/m", patient("m", "Maple"))),
			paths: map[string]string{"entry[0].response.outcome.issue[0].code": "informational", "entry[0].resource": ""},
		},
	})
	_, text := h.send(t, scenario{path: "/RelatedPerson"})
	link := at(parse(t, text), "entry[0].resource.patient.reference")
	_, text = h.send(t, scenario{path: "/" + link})
	checkAt(t, parse(t, text), map[string]string{"name[0].family": "Elm"})
	_, text = h.send(t, scenario{method: "POST", body: bundleOf("transaction", entry("PUT", "Patient/m", patient("m", "Maple")), entry("GET", "Patient", ""), entry("DELETE", "Patient/m1", ""))})
	checkValid(t, text)
}

// What fails fails the whole: one OperationOutcome with the status of the fault, located in the Bundle, and nothing written.
func TestTransactionFails(t *testing.T) {
	good := entry("PUT", "Patient/good", patient("good", "Gean"))
	invalid := func(id string) string {
		return entry("PUT", "Patient/"+id, `{"resourceType":"Patient","id":"`+id+`","birthDate":"x"}`)
	}
	broken := entry("PUT", "Patient/x", `{"resourceType":"Patient","id":"x","contact":[{"gender":"male"}]}`)
	v2 := map[string]string{"HC-API-Version": "2"}
	tests := []struct {
		name    string
		entries []string // behind one that is good
		header  map[string]string
		status  int
		want    []string // the places of the issues
	}{
		{name: "faults of several resources", entries: []string{invalid("x"), entry("GET", "Patient/a", ""), invalid("y")}, status: 400, want: []string{"Bundle.entry[1].resource.birthDate", "Bundle.entry[3].resource.birthDate"}},
		{name: "an invariant", entries: []string{broken}, status: 422, want: []string{"Bundle.entry[1].resource.contact[0]"}},
		{name: "an invariant and a fault", entries: []string{broken, invalid("y")}, status: 400, want: []string{"Bundle.entry[1].resource.contact[0]", "Bundle.entry[2].resource.birthDate"}},
		{name: "malformed entries", entries: []string{entry("POST", "Patient", ""), `{}`, entry("BREW", "Patient", "")}, status: 400, want: []string{"Bundle.entry[1].resource", "Bundle.entry[2].request", "Bundle.entry[3].request.method"}},
		{name: "If-Match of another version", entries: []string{entry("PUT", "Patient/a", patient("a", "Elm"), "ifMatch", `W/"7"`)}, status: 412, want: []string{"Bundle.entry[1]"}},
		{name: "If-Match that is none", entries: []string{entry("DELETE", "Patient/a", "", "ifMatch", `7x`)}, status: 400, want: []string{"Bundle.entry[1].request.ifMatch"}},
		{name: "version 2 without If-Match", entries: []string{entry("DELETE", "Patient/a", "")}, header: v2, status: 428, want: []string{"Bundle.entry[1]"}},
		{name: "criteria that several match", entries: []string{entry("DELETE", "Patient?family=birch", "")}, status: 412, want: []string{"Bundle.entry[1]"}},
		{name: "criteria that are not understood", entries: []string{entry("DELETE", "Patient?famly=birch", ""), entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "famly=elm")}, status: 400, want: []string{"Bundle.entry[1].request.url", "Bundle.entry[2].request.ifNoneExist"}},
		{name: "no criteria", entries: []string{entry("PUT", "Patient", newPatient("Elm"))}, status: 400, want: []string{"Bundle.entry[1]"}},
		{name: "a patch whose test fails", entries: []string{entry("PATCH", "Patient/a", jsonPatch(`[{"op":"test","path":"/id","value":"x"}]`))}, status: 422, want: []string{"Bundle.entry[1].resource.data"}},
		{name: "a patch of what is not there", entries: []string{entry("PATCH", "Patient/x", jsonPatch(`[]`))}, status: 404, want: []string{"Bundle.entry[1]"}},
		{name: "a patch that is none", entries: []string{entry("PATCH", "Patient/a", `{"resourceType":"Parameters"}`)}, status: 400, want: []string{"Bundle.entry[1].resource"}},
		{name: "a read of what is not there", entries: []string{entry("GET", "Patient/x", "")}, status: 404, want: []string{"Bundle.entry[1]"}},
		{name: "a read of a type that is not served", entries: []string{entry("GET", "Claim/x", "")}, status: 404, want: []string{"Bundle.entry[1]"}},
		{name: "a read of what is not there and is deleted", entries: []string{entry("GET", "Patient/x", ""), entry("DELETE", "Patient/x", "")}, status: 404, want: []string{"Bundle.entry[1]"}},
		{name: "a HEAD of what was deleted", entries: []string{entry("HEAD", "Patient/gone", "")}, status: 410, want: []string{"Bundle.entry[1]"}},
		{name: "a search as XML", entries: []string{entry("GET", "Patient?_format=xml", "")}, status: 406, want: []string{"Bundle.entry[1].request.url"}},
		{name: "a search that is not understood", entries: []string{entry("GET", "Patient?famly=ash", "")}, header: v2, status: 400, want: []string{"Bundle.entry[1].request.url"}},
		{name: "a search with a bad value", entries: []string{entry("GET", "Patient?birthdate=x", "")}, status: 400, want: []string{"Bundle.entry[1].request.url"}},
		{name: "one resource twice", entries: []string{entry("DELETE", "Patient/good", "")}, status: 400, want: []string{"Bundle.entry[0]", "Bundle.entry[1]"}},
		{name: "one fullUrl twice", entries: []string{named(elmName, entry("POST", "Patient", newPatient("Elm"))), named(elmName, entry("POST", "Patient", newPatient("Elm")))}, status: 400, want: []string{"Bundle.entry[2].fullUrl"}},
		{name: "a fullUrl that is none", entries: []string{named("elm", entry("POST", "Patient", newPatient("Elm")))}, status: 400, want: []string{"Bundle.entry[1].fullUrl"}},
		{name: "a link to no entry", entries: []string{entry("POST", "RelatedPerson", relative(elmName))}, status: 400, want: []string{"Bundle.entry[1].resource.patient.reference"}},
		{name: "a conditional reference to none", entries: []string{entry("POST", "RelatedPerson", relative("Patient?family=nobody"))}, status: 412, want: []string{"Bundle.entry[1].resource.patient.reference"}},
		{name: "what is read only", entries: []string{entry("DELETE", "AuditEvent/a", "")}, status: 405, want: []string{"Bundle.entry[1]"}},
		{name: "a transaction", entries: []string{entry("POST", base, bundleOf("transaction"))}, status: 400, want: []string{"Bundle.entry[1].request.url"}},
	}
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "b", "Birch")
	h.put(t, "c", "Birch")
	h.put(t, "gone", "Gale")
	h.send(t, scenario{method: "DELETE", path: "/Patient/gone"})
	_, before := h.send(t, scenario{path: "/_history"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, body := h.send(t, scenario{method: "POST", header: tt.header, body: bundleOf("transaction", append([]string{good}, tt.entries...)...)})
			tree := parse(t, body)
			if got.status != tt.status || at(tree, "resourceType") != "OperationOutcome" {
				t.Errorf("status %d, want %d", got.status, tt.status)
			}
			outcome, _ := tree.(*fhir.Object)
			var places []string
			for _, issue := range outcome.Objects("issue") {
				for _, place := range issue.Array("expression") {
					places = append(places, place.(string))
				}
			}
			if strings.Join(places, " ") != strings.Join(tt.want, " ") {
				t.Errorf("places %q, want %q: %s", places, tt.want, body)
			}
			if _, after := h.send(t, scenario{path: "/_history"}); string(after) != string(before) {
				t.Errorf("something was written: %s", after)
			}
		})
	}
}

// A hundred faults are told; more are not.
func TestTransactionTellsFaultsUpToALimit(t *testing.T) {
	faulty := make([]string, 150)
	for i := range faulty {
		faulty[i] = entry("GET", "Claim", "")
	}
	_, body := open(t).send(t, scenario{method: "POST", body: bundleOf("transaction", faulty...)})
	checkAt(t, parse(t, body), map[string]string{"issue[#]": "101", "issue[99].severity": "error", "issue[100].severity": "information"})
}

// exampleBundles are the official batches and transactions, with the statuses of their entries on a server that holds nothing; or, where
// the whole is refused, with the reason.
var exampleBundles = map[string]struct {
	status  int
	entries string
	reason  string
}{
	"bundle-request-medsallergies": {status: 200, entries: "404 200 200 200 200"},
	"bundle-request-simplesummary": {status: 200, entries: "404 200 200 200"},
	"hla-1":                        {status: 200, entries: strings.TrimSpace(strings.Repeat("201 ", 22))},
	"ussg-fht":                     {status: 200, entries: strings.TrimSpace(strings.Repeat("201 ", 11))},
	"xds":                          {status: 200, entries: strings.TrimSpace(strings.Repeat("201 ", 5))},
	"bundle-transaction":           {status: 404, reason: "it asks for $lookup, and reads and updates what is not there"},
}

// officialBundles reads the official batches and transactions.
func officialBundles(t *testing.T) map[string]fhir.Resource {
	t.Helper()
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory with the official examples (make definitions fetches them)")
	}
	files, err := filepath.Glob(filepath.Join(dir, "Bundle-*.json"))
	must(t, err)
	bundles := map[string]fhir.Resource{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		r, err := fhir.ParseResource(text)
		must(t, err)
		if bundleType := r.Root().Text("type"); bundleType == "batch" || bundleType == "transaction" {
			bundles[r.ID()] = r
		}
	}
	return bundles
}

// statusesIn are the statuses of the entries of an answer.
func statusesIn(tree any) string {
	bundle, _ := tree.(*fhir.Object)
	var statuses []string
	for _, e := range bundle.Objects("entry") {
		status, _, _ := strings.Cut(e.Object("response").Text("status"), " ")
		statuses = append(statuses, status)
	}
	return strings.Join(statuses, " ")
}

// TestOfficialBundles posts the official examples whole, to a server of all types.
func TestOfficialBundles(t *testing.T) {
	all, err := conformance.ServedTypes([]string{"all"})
	must(t, err)
	bundles := officialBundles(t)
	for id, want := range exampleBundles {
		t.Run(id, func(t *testing.T) {
			h := openWith(t, all)
			if bundles[id].Root().Text("type") == "transaction" {
				h.transacting(t)
			}
			got, body := h.send(t, scenario{method: "POST", body: text(bundles[id].Root())})
			if entries := statusesIn(parse(t, body)); got.status != want.status || entries != want.entries {
				t.Errorf("%d with %q, want %d with %q (%s): %s", got.status, entries, want.status, want.entries, want.reason, body)
			}
			checkValid(t, body)
		})
	}
	if len(bundles) != len(exampleBundles) {
		t.Errorf("there are %d", len(bundles))
	}
}

// The example of a transaction is carried out where there is what it expects, without the operation that is not offered.
func TestOfficialTransactionWithWhatItExpects(t *testing.T) {
	r := officialBundles(t)["bundle-transaction"]
	entries := r.Root().Array("entry")
	r.Root().Set("entry", slices.DeleteFunc(entries, func(e any) bool { return strings.HasSuffix(at(e, "request.url"), "$lookup") }))
	h := open(t).transacting(t)
	h.put(t, "123a", "Ash")
	h.put(t, "123a", "Ash")
	h.put(t, "12334", "Birch")
	got, body := h.send(t, scenario{method: "POST", body: text(r.Root())})
	if entries := statusesIn(parse(t, body)); got.status != 200 || entries != "201 201 201 201 200 200 200 200 200" {
		t.Errorf("%d with %q: %s", got.status, entries, body)
	}
}
