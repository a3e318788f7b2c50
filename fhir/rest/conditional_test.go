package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir/rest"
)

// known is a patient with a business identifier, which ?identifier=https://example.org/mrn|1 finds, and perhaps an id.
func known(id, family string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient",%s"identifier":[{"system":"https://example.org/mrn","value":"1"}],"name":[{"family":%q}]}`, id, family)
}

// byMRN finds the known patients.
const byMRN = "identifier=https://example.org/mrn|1"

// headers makes a set of them of names and values.
func headers(pairs ...string) map[string]string {
	h := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

func TestConditionalCreate(t *testing.T) {
	ifNone := func(more ...string) map[string]string { return headers(append(more, "If-None-Exist", byMRN)...) }
	h := open(t)
	h.play(t, []scenario{
		{
			name: "none matches", method: "POST", path: "/Patient", body: known("mine", "Ash"), header: ifNone(), status: 201,
			wantHeader: map[string]string{"Location": base + "/Patient/new1/_history/1", "ETag": `W/"1"`, "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT"},
			paths:      map[string]string{"id": "new1", "name[0].family": "Ash"},
		},
		{
			name: "one matches", method: "POST", path: "/Patient", body: known("mine", "Birch"), header: ifNone(), status: 200,
			wantHeader: map[string]string{
				"Location": base + "/Patient/new1/_history/1", "ETag": `W/"1"`, "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT", "Preference-Applied": "",
				"Content-Type": "application/fhir+json; charset=utf-8",
			},
			paths: map[string]string{"id": "new1", "name[0].family": "Ash", "meta.versionId": "1"},
		},
		{
			name: "one matches, return=minimal", method: "POST", path: "/Patient", body: known("", "Birch"), header: ifNone("Prefer", "return=minimal"), status: 200,
			wantHeader: map[string]string{"Location": base + "/Patient/new1/_history/1", "ETag": `W/"1"`, "Preference-Applied": "return=minimal"}, empty: true,
		},
		{
			name: "one matches, return=OperationOutcome", method: "POST", path: "/Patient", body: known("", "Birch"), header: ifNone("Prefer", "return=OperationOutcome"), status: 200,
			wantHeader: map[string]string{"Location": base + "/Patient/new1/_history/1"},
			want:       `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Patient/new1 matches the condition, so that nothing was created; it is in version 1."}}]}`,
		},
		{
			name: "the condition percent-encoded, version 2, no If-Match", method: "POST", path: "/Patient", body: known("", "Birch"),
			header: headers("If-None-Exist", " identifier=https%3A%2F%2Fexample.org%2Fmrn%7C1&family=ash ", "HC-API-Version", "2"), status: 200, paths: map[string]string{"id": "new1"},
		},
		{name: "the whole search", method: "POST", path: "/Patient", body: known("", "Birch"), header: headers("If-None-Exist", "Patient?"+byMRN), status: 200, paths: map[string]string{"id": "new1"}},
		{name: "a condition that none matches", method: "POST", path: "/Patient?_format=json", body: known("", "Birch"), header: headers("If-None-Exist", byMRN+"&family=birch"), status: 201, contains: []string{`"Birch"`}},
		{
			name: "several match", method: "POST", path: "/Patient", body: known("", "Cedar"), header: ifNone(), status: 412,
			wantHeader: map[string]string{"Location": "", "ETag": ""}, paths: map[string]string{"issue[0].code": "multiple-matches"},
		},
		{name: "the resource is not valid", method: "POST", path: "/Patient", body: `{"resourceType":"Patient","colour":"red"}`, header: ifNone(), status: 400, paths: map[string]string{"issue[0].expression": `["Patient.colour"]`}},
		{name: "another type than the URL's", method: "POST", path: "/Patient", body: `{"resourceType":"Slot"}`, header: ifNone(), status: 400, paths: map[string]string{"issue[0].expression": `["resourceType"]`}},
		{name: "a type that is read only", method: "POST", path: "/AuditEvent", body: `{"resourceType":"AuditEvent"}`, header: headers("If-None-Exist", "_id=x"), status: 405},
		{name: "nothing of this was written", path: "/Patient?_summary=count", status: 200, paths: map[string]string{"total": "2"}},
	})
}

// What selects is strict and never empty, whatever the client prefers and whichever version it asks for.
func TestConditionalCreateCriteria(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	for condition, want := range map[string]struct{ code, words string }{
		"":                         {"required", "There is no search parameter"},
		"&":                        {"required", "There is no search parameter"},
		"identifier=":              {"required", `In "identifier": The parameter has no value`},
		"identifier=,":             {"required", "has no value"},
		"identifier":               {"required", "has no value"},
		"zzz=1":                    {"not-supported", "zzz"},
		byMRN + "&zzz=1":           {"not-supported", "zzz"},
		"identifier:above=x":       {"", "above"},
		byMRN + "&_count=1":        {"invalid", "_count shapes the result"},
		byMRN + "&_sort=birthdate": {"invalid", "_sort shapes the result"},
		byMRN + "&_format=json":    {"invalid", "_format shapes the result"},
		"birthdate=zz":             {"value", "zz"},
		"identifier=%zz":           {"value", "percent-encoded"},
		"?" + byMRN:                {"invalid", "behind the question mark"},
		"Task?" + byMRN:            {"invalid", "behind the question mark"},
	} {
		paths := map[string]string{"issue[#]": "1", "issue[0].location": `["http.If-None-Exist"]`}
		if want.code != "" {
			paths["issue[0].code"] = want.code
		}
		h.play(t, []scenario{{
			name: condition, method: "POST", path: "/Patient", body: known("", "Birch"), lines: http.Header{"If-None-Exist": {condition}, "Prefer": {"handling=lenient"}},
			status: 400, paths: paths, contains: []string{strings.ReplaceAll(want.words, `"`, `\"`)},
		}})
	}
	h.play(t, []scenario{
		{
			name: "two headers", method: "POST", path: "/Patient", body: known("", "Birch"), lines: http.Header{"If-None-Exist": {"", byMRN}}, status: 400,
			paths: map[string]string{"issue[0].location": `["http.If-None-Exist"]`},
		},
		{name: "nothing of this was written", path: "/Patient?_summary=count", status: 200, paths: map[string]string{"total": "1"}},
	})
}

// A type whose creates take no condition refuses it: it would be passed over.
func TestConditionalCreateThatIsNotPromised(t *testing.T) {
	h := open(t, func(f *rest.Face) {
		for i := range f.Promises.Types {
			f.Promises.Types[i].Conditional = nil
		}
	})
	h.play(t, []scenario{
		{
			name: "create", method: "POST", path: "/Patient", body: known("", "Ash"), header: headers("If-None-Exist", byMRN), status: 400,
			paths: map[string]string{"issue[0].code": "not-supported", "issue[0].location": `["http.If-None-Exist"]`},
		},
		{name: "create, an empty condition", method: "POST", path: "/Patient", body: known("", "Ash"), lines: http.Header{"If-None-Exist": {""}}, status: 400},
		{name: "update", method: "PUT", path: "/Patient?_id=a", body: known("", "Ash"), status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, POST"}, contains: []string{"by a search instead of an id it is not offered"}},
		{name: "delete", method: "DELETE", path: "/Patient?_id=a", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, POST"}},
	})
}

func TestConditionalUpdate(t *testing.T) {
	const path = "/Patient?identifier=https://example.org/mrn%7C1"
	v2 := func(more ...string) map[string]string { return headers(append(more, "HC-API-Version", "2")...) }
	open(t).play(t, []scenario{
		{name: "If-Match where none matches", method: "PUT", path: path, body: known("", "Ash"), header: headers("If-Match", `W/"1"`), status: 412, paths: map[string]string{"issue[0].code": "conflict"}},
		{name: "If-Match: * where none matches", method: "PUT", path: path, body: known("", "Ash"), header: headers("If-Match", `*`), status: 412},
		{
			name: "none matches, no id", method: "PUT", path: path, body: known("", "Ash"), header: v2(), status: 201,
			wantHeader: map[string]string{"Location": base + "/Patient/new3/_history/1", "ETag": `W/"1"`}, paths: map[string]string{"id": "new3"},
		},
		{name: "the history tells a create", path: "/Patient/new3/_history", status: 200, paths: map[string]string{"entry[0].request.method": "POST", "entry[0].request.url": "Patient"}},
		{
			name: "one matches, no id", method: "PUT", path: path + "&_format=json&_pretty=false", body: known("", "Birch"), status: 200,
			wantHeader: map[string]string{"Location": "", "ETag": `W/"2"`}, paths: map[string]string{"id": "new3", "meta.versionId": "2", "name[0].family": "Birch"},
		},
		{name: "one matches, its id", method: "PUT", path: path, body: known("new3", "Cedar"), header: headers("Prefer", "return=minimal"), status: 200, wantHeader: map[string]string{"ETag": `W/"3"`}, empty: true},
		{name: "one matches, another id", method: "PUT", path: path, body: known("b", "Dogwood"), status: 400, paths: map[string]string{"issue[0].expression": `["Patient.id"]`}},
		{name: "If-None-Match: * where one matches", method: "PUT", path: path, body: known("", "Dogwood"), header: headers("If-None-Match", "*"), status: 412},
		{name: "If-Match, stale", method: "PUT", path: path, body: known("", "Dogwood"), header: headers("If-Match", `W/"1"`), status: 412},
		{name: "If-Match, no version", method: "PUT", path: path, body: known("", "Dogwood"), header: headers("If-Match", `"abc"`), status: 412, paths: map[string]string{"issue[0].location": `["http.If-Match"]`}},
		{name: "If-Match, several", method: "PUT", path: path, body: known("", "Dogwood"), header: headers("If-Match", `"1", "3"`), status: 400, paths: map[string]string{"issue[0].location": `["http.If-Match"]`}},
		{name: "If-Match, garbage", method: "PUT", path: path, body: known("", "Dogwood"), header: headers("If-Match", `W/3`), status: 400},
		{name: "version 2 without If-Match", method: "PUT", path: path, body: known("", "Dogwood"), header: v2(), status: 428, paths: map[string]string{"issue[0].code": "required"}},
		{name: "version 2 with If-Match", method: "PUT", path: path, body: known("", "Elm"), header: v2("If-Match", `W/"3"`), status: 200, wantHeader: map[string]string{"ETag": `W/"4"`}},
		{name: "version 2 with If-Match: *", method: "PUT", path: path, body: known("", "Fir"), header: v2("If-Match", `*`), status: 200, wantHeader: map[string]string{"ETag": `W/"5"`}},

		{name: "none matches, id", method: "PUT", path: "/Patient?family=hazel", body: patient("h", "Hazel"), status: 201, wantHeader: map[string]string{"Location": base + "/Patient/h/_history/1"}, paths: map[string]string{"id": "h"}},
		{name: "the history tells an update as create", path: "/Patient/h/_history", status: 200, paths: map[string]string{"entry[0].request.method": "PUT", "entry[0].request.url": "Patient/h"}},
		{name: "none matches, an id that is taken", method: "PUT", path: "/Patient?family=juniper", body: patient("h", "Juniper"), status: 409, paths: map[string]string{"issue[0].code": "conflict", "issue[0].expression": `["Patient.id"]`}, contains: []string{"is taken"}},
		{name: "none matches, an id that is none", method: "PUT", path: "/Patient?family=juniper", body: patient("h_h", "Juniper"), status: 400, paths: map[string]string{"issue[0].expression": `["Patient.id"]`}},
		{name: "several match", method: "PUT", path: "/Patient?family=hazel,fir", body: patient("h", "Juniper"), status: 412, paths: map[string]string{"issue[0].code": "multiple-matches"}},
		{name: "the resource is not valid", method: "PUT", path: path, body: `{"resourceType":"Patient","colour":"red"}`, status: 400, paths: map[string]string{"issue[0].expression": `["Patient.colour"]`}},
		{name: "another type than the URL's", method: "PUT", path: path, body: `{"resourceType":"Slot"}`, status: 400, paths: map[string]string{"issue[0].expression": `["resourceType"]`}},
		{name: "no JSON", method: "PUT", path: path, body: `{`, status: 400, paths: map[string]string{"issue[0].code": "structure"}},
		{name: "a type that is read only", method: "PUT", path: "/AuditEvent?_id=x", body: `{"resourceType":"AuditEvent"}`, status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a type that is not served", method: "PUT", path: "/Claim?_id=x", body: `{"resourceType":"Claim"}`, status: 404},
		{name: "nothing of the refused was written", path: "/Patient?family=dogwood,juniper&_summary=count", status: 200, paths: map[string]string{"total": "0"}},
	})
}

func TestConditionalDelete(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "b", "Birch")
	h.put(t, "c", "Cedar")
	v2 := func(more ...string) map[string]string { return headers(append(more, "HC-API-Version", "2")...) }
	h.play(t, []scenario{
		{
			name: "none matches", method: "DELETE", path: "/Patient?family=elm", status: 200, wantHeader: map[string]string{"ETag": ""},
			want: `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"No Patient matches; nothing was to be done."}}]}`,
		},
		{name: "none matches, return=minimal", method: "DELETE", path: "/Patient?family=elm", header: headers("Prefer", "return=minimal"), status: 204, empty: true},
		{name: "none matches, If-Match", method: "DELETE", path: "/Patient?family=elm", header: headers("If-Match", `W/"1"`), status: 412},
		{name: "none matches, version 2", method: "DELETE", path: "/Patient?family=elm", header: v2(), status: 200},
		{name: "several match", method: "DELETE", path: "/Patient?family=ash,birch", status: 412, paths: map[string]string{"issue[0].code": "multiple-matches"}},
		{name: "one matches, stale If-Match", method: "DELETE", path: "/Patient?family=ash", header: headers("If-Match", `W/"7"`), status: 412},
		{name: "one matches, several If-Match", method: "DELETE", path: "/Patient?family=ash", header: headers("If-Match", `"1","7"`), status: 400},
		{name: "one matches, version 2 without If-Match", method: "DELETE", path: "/Patient?family=ash", header: v2(), status: 428},
		{
			name: "one matches", method: "DELETE", path: "/Patient?family=ash&_format=json", status: 200, wantHeader: map[string]string{"ETag": `W/"2"`},
			want: `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Patient/a was deleted."}}]}`,
		},
		{name: "it is gone", path: "/Patient/a", status: 410},
		{name: "again", method: "DELETE", path: "/Patient?family=ash", status: 200, contains: []string{"No Patient matches"}},
		{name: "one matches, version 2", method: "DELETE", path: "/Patient?family=birch", header: v2("If-Match", `W/"1"`), status: 200, wantHeader: map[string]string{"ETag": `W/"2"`}},
		{name: "a type that is read only", method: "DELETE", path: "/AuditEvent?_id=x", status: 405},
		{name: "the others are there", path: "/Patient?_summary=count", status: 200, paths: map[string]string{"total": "1"}},
	})
}

// What selects what to write is strict and never empty: neither an update nor a delete reaches anything.
func TestConditionalCriteriaOfURLs(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	for query, want := range map[string]struct{ code, location string }{
		"":                             {"required", ""},
		"?":                            {"required", ""},
		"?_format=json":                {"required", ""},
		"?_pretty=true&_format=json":   {"required", ""},
		"?family=":                     {"required", `["http.family"]`},
		"?family":                      {"required", `["http.family"]`},
		"?family=ash&_id=":             {"required", `["http._id"]`},
		"?family=,":                    {"required", `["http.family"]`},
		"?zzz=1":                       {"not-supported", `["http.zzz"]`},
		"?family=ash&zzz=1":            {"not-supported", `["http.zzz"]`},
		"?family=ash&_count=1":         {"invalid", `["http._count"]`},
		"?family=ash&_total=none":      {"invalid", `["http._total"]`},
		"?family=ash&_summary=count":   {"invalid", `["http._summary"]`},
		"?family=ash&_sort=birthdate":  {"invalid", `["http._sort"]`},
		"?family=ash&_include=Patient": {"invalid", `["http._include"]`},
		"?birthdate=zz":                {"value", `["http.birthdate"]`},
		"?family=%zz":                  {"value", `["http.family"]`},
	} {
		for _, method := range []string{"PUT", "DELETE"} {
			sc := scenario{
				name: method + " " + query, method: method, path: "/Patient" + query, status: 400, header: headers("Prefer", "handling=lenient"),
				paths: map[string]string{"issue[#]": "1", "issue[0].code": want.code, "issue[0].location": want.location},
			}
			if method == "PUT" {
				sc.body = patient("a", "Birch")
			}
			h.play(t, []scenario{sc})
		}
	}
	h.play(t, []scenario{
		{name: "every fault is told", method: "DELETE", path: "/Patient?zzz=1&family=&_count=1", status: 400, paths: map[string]string{"issue[#]": "3"}},
		{name: "XML is not written", method: "DELETE", path: "/Patient?family=ash&_format=xml", status: 406},
		{name: "nothing of this was done", path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}},
	})
}

// Of equal conditional creates that come at once, one is answered with 201, the others with 200, all with one resource.
func TestConcurrentConditionalCreates(t *testing.T) {
	h := open(t)
	var mu sync.Mutex
	statuses, locations := map[int]int{}, map[string]int{}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			got, _ := h.send(t, scenario{method: "POST", path: "/Patient", body: known("", "Ash"), header: headers("If-None-Exist", byMRN)})
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
			locations[got.header.Get("Location")]++
		})
	}
	group.Wait()
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != 63 || len(locations) != 1 {
		t.Errorf("%v %v", statuses, locations)
	}
	h.play(t, []scenario{{name: "one resource", path: "/Patient?_summary=count", status: 200, paths: map[string]string{"total": "1"}}})
}
