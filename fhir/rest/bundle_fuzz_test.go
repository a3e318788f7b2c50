package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// Whatever is posted to the base is answered in valid JSON, and by no failure of the server: neither for the whole nor for an entry.
func FuzzBundle(f *testing.F) {
	entries := []string{
		entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "family=elm"), entry("PUT", "Patient/a", patient("a", "Ash"), "ifMatch", `W/"1"`),
		entry("PUT", "Patient?family=ash", newPatient("Ash")), entry("PATCH", "Patient/a", jsonPatch(`[{"op":"remove","path":"/name"}]`)), entry("DELETE", "Patient/a", ""),
		entry("DELETE", base+"/Patient?family=ash", ""), entry("GET", "/Patient/a/_history/1", "", "ifModifiedSince", "2026-03-01T12:00:00Z"), entry("GET", "Patient?family:exact=Ash&_count=1", ""),
		entry("HEAD", "metadata", "", "ifNoneMatch", "*"), entry("POST", "Patient/$validate", `{"resourceType":"Parameters"}`), entry("GET", "_history?_at=2026", ""), `{}`, `{"request":{"method":"GET","url":"%"}}`,
		named(elmName, entry("POST", "Patient", newPatient("Elm"))), named(otherName, entry("POST", "RelatedPerson", relative(elmName))), entry("POST", "RelatedPerson", relative("Patient?family=elm")),
	}
	for _, bundleType := range []string{"batch", "transaction", "collection"} {
		f.Add(bundleOf(bundleType, entries...))
		for _, e := range entries {
			f.Add(bundleOf(bundleType, e))
		}
	}
	f.Add(`{"resourceType":"Bundle","type":"batch","entry":[null,{"resource":{"resourceType":"Bundle","type":"batch"},"request":{"method":"POST","url":"/"}}]}`)
	router := newRouter(f)
	f.Fuzz(func(t *testing.T, body string) { answersWell(t, router, body) })
}

// Whatever an entry says, within what R4 lets it say.
func FuzzEntry(f *testing.F) {
	for _, s := range [][]string{
		{"POST", "Patient", "ifNoneExist", "family=elm", newPatient("Elm")},
		{"PUT", "Patient/a", "ifMatch", `W/"1"`, patient("a", "Ash")},
		{"PUT", base + "/Patient?family=ash", "ifNoneMatch", "*", newPatient("Ash")},
		{"PATCH", "/Patient/a", "ifMatch", "*", jsonPatch(`[{"op":"remove","path":"/name"}]`)},
		{"DELETE", "Patient?_id=a&_pretty=true", "ifMatch", "1,2", ""},
		{"GET", "Patient/a/_history/1", "ifModifiedSince", "2026-03-01T12:00:00Z", ""},
		{"GET", "_history?_at=2026&_type=Patient", "ifNoneMatch", "1", ""},
		{"HEAD", "metadata", "ifNoneMatch", "*", ""},
		{"POST", "Patient/$validate", "ifMatch", "", `{"resourceType":"Parameters"}`},
		{"POST", "Patient/_search", "ifMatch", "", `{"resourceType":"Binary","contentType":"x"}`},
		{"GET", "?%zz", "ifMatch", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	router := newRouter(f)
	f.Fuzz(func(t *testing.T, method, url, element, value, resource string) {
		e := fhir.NewObject(fhir.Member{Name: "request", Value: fhir.NewObject(
			fhir.Member{Name: "method", Value: strings.ToValidUTF8(method, "")}, fhir.Member{Name: "url", Value: strings.ToValidUTF8(url, "")},
			fhir.Member{Name: strings.ToValidUTF8(element, ""), Value: strings.ToValidUTF8(value, "")},
		)})
		if r, err := fhir.ParseJSON([]byte(resource)); err == nil {
			e.Set("resource", r)
		}
		for _, bundleType := range []string{"batch", "transaction"} {
			answersWell(t, router, bundleOf(bundleType, text(e)))
		}
	})
}

func newRouter(f *testing.F) http.Handler {
	router := mux.NewRouter()
	must(f, open(f).face.Routes(router))
	return router
}

// answersWell posts a Bundle.
func answersWell(t *testing.T, h http.Handler, body string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, conformance.FHIRPath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/fhir+json")
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	answered, err := fhir.ParseResource(recorder.Body.Bytes())
	if err != nil {
		t.Fatalf("%v in %s", err, recorder.Body)
	}
	if recorder.Code >= http.StatusInternalServerError {
		t.Errorf("%d: %s", recorder.Code, recorder.Body)
	}
	for _, e := range answered.Root().Objects("entry") {
		if status := e.Object("response").Text("status"); !strings.HasPrefix(status, "2") && !strings.HasPrefix(status, "3") && !strings.HasPrefix(status, "4") {
			t.Errorf("an entry is answered %q: %s", status, recorder.Body)
		}
	}
}
