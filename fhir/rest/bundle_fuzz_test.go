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
	router := mux.NewRouter()
	must(f, open(f).face.Routes(router))
	f.Fuzz(func(t *testing.T, body string) {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, conformance.FHIRPath, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/fhir+json")
		recorder := httptest.NewRecorder()
		router.ServeHTTP(recorder, request)
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
	})
}
