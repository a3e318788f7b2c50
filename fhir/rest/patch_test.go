package rest_test

import (
	"maps"
	"strings"
	"testing"
)

// change is a scenario of a PATCH with a JSON Patch.
func change(name, path, body string, status int, header ...string) scenario {
	sc := scenario{name: name, method: "PATCH", path: path, body: body, status: status, header: map[string]string{"Content-Type": "application/json-patch+json"}}
	for i := 0; i < len(header); i += 2 {
		sc.header[header[i]] = header[i+1]
	}
	return sc
}

// with returns the scenario with more that is expected of its answer.
func (sc scenario) with(header, paths map[string]string) scenario {
	sc.wantHeader, sc.paths = maps.Clone(header), maps.Clone(paths)
	return sc
}

type expect = map[string]string

func TestPatch(t *testing.T) {
	const rename = `[{"op":"replace","path":"/name/0/family","value":"Birch"}]`
	large := strings.Repeat("x", 3<<20)
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "gone", "Ash")
	h.play(t, []scenario{
		{name: "delete", method: "DELETE", path: "/Patient/gone", status: 200},
		{
			name: "a patch", method: "PATCH", path: "/Patient/a", header: expect{"Content-Type": "application/json-patch+json; charset=utf-8"}, body: rename, status: 200,
			wantHeader: expect{"ETag": `W/"2"`, "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT", "Location": "", "Content-Type": "application/fhir+json; charset=utf-8"},
			want:       `{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"2026-03-01T12:00:00.000003Z"},"name":[{"family":"Birch"}],"multipleBirthInteger":1}`,
		},
		change("return=minimal", "/Patient/a", rename, 200, "Prefer", "return=minimal").with(expect{"ETag": `W/"3"`, "Content-Length": "0", "Preference-Applied": "return=minimal"}, nil),
		change("return=OperationOutcome", "/Patient/a", rename, 200, "Prefer", "return=OperationOutcome").with(nil, expect{"issue[0].details.text": "Patient/a was updated, as version 4."}),
		change("_format and _pretty", "/Patient/a?_format=json&_pretty=true", rename, 200).with(nil, expect{"meta.versionId": "5"}),

		change("If-Match", "/Patient/a", rename, 200, "If-Match", `W/"5"`).with(expect{"ETag": `W/"6"`}, nil),
		change("If-Match: *", "/Patient/a", rename, 200, "If-Match", `*`).with(expect{"ETag": `W/"7"`}, nil),
		change("If-Match: stale", "/Patient/a", rename, 412, "If-Match", `W/"5"`).with(nil, expect{"issue[0].code": "conflict"}),
		change("If-Match: garbage", "/Patient/a", rename, 400, "If-Match", `W/5`),
		change("If-None-Match: *", "/Patient/a", rename, 412, "If-None-Match", `*`),

		change("no JSON", "/Patient/a", `[{`, 400).with(nil, expect{"issue[0].code": "structure"}),
		change("no body", "/Patient/a", ``, 400).with(nil, expect{"issue[0].code": "structure"}),
		change("every fault", "/Patient/a", `[{"op":"merge","path":"x"},{"op":"add"}]`, 400).with(nil, expect{"issue[#]": "4", "issue[1].expression": `["[0].path"]`, "issue[3].code": "required"}),
		change("a test that fails", "/Patient/a", `[{"op":"replace","path":"/name","value":[{"family":"Cedar"}]},{"op":"test","path":"/name/0/family","value":"Ash"}]`, 422).
			with(nil, expect{"issue[0].code": "business-rule", "issue[0].expression": `["[1]"]`, "issue[0].details.text": `Operation 1 (counted from 0), test: the value at "/name/0/family" is not the one that the test expects.`}),
		change("what is not there", "/Patient/a", `[{"op":"remove","path":"/birthDate"}]`, 422).with(nil, expect{"issue[0].code": "business-rule"}),
		change("another id", "/Patient/a", `[{"op":"replace","path":"/id","value":"b"}]`, 400).with(nil, expect{"issue[0].expression": `["Patient.id"]`}),
		change("an unknown element", "/Patient/a", `[{"op":"add","path":"/colour","value":"red"}]`, 400).with(nil, expect{"issue[0].expression": `["Patient.colour"]`}),
		change("too costly", "/Patient/a", `[{"op":"add","path":"/name/0/family","value":"`+large+`"},{"op":"copy","from":"/name/0","path":"/name/-"},{"op":"copy","from":"/name/0","path":"/name/-"}]`, 400).
			with(nil, expect{"issue[0].code": "too-costly", "issue[0].expression": `["[2]"]`}),
		change("too large", "/Patient/a", `[{"op":"add","path":"/name/0/family","value":"`+large+`"},{"op":"copy","from":"/name/0","path":"/name/-"}]`, 413).with(nil, expect{"issue[0].code": "too-long"}),
		{name: "nothing of this was written", path: "/Patient/a", status: 200, wantHeader: expect{"ETag": `W/"7"`}, paths: expect{"name[0].family": "Birch"}},

		change("what never was", "/Patient/b", rename, 404),
		change("what never was, with a version", "/Patient/b", rename, 404, "If-Match", `W/"1"`),
		change("what was deleted", "/Patient/gone", rename, 410).with(nil, expect{"issue[0].code": "deleted"}),
		change("what cannot be an id", "/Patient/a_b", rename, 404),
		change("a type that is read only", "/AuditEvent/a", rename, 405).with(expect{"Allow": "GET, HEAD"}, nil),

		change("version 2: without If-Match", "/Patient/a", rename, 428, "HC-API-Version", "2").with(expect{"HC-API-Version": "2"}, expect{"issue[0].code": "required"}),
		change("version 2: with If-Match", "/Patient/a", rename, 200, "HC-API-Version", "2", "If-Match", `W/"7"`),
		change("version 2: with If-Match: *", "/Patient/a", rename, 200, "HC-API-Version", "2", "If-Match", `*`),
		change("version 2: what never was", "/Patient/b", rename, 404, "HC-API-Version", "2"),
	})
	for _, mediaType := range []string{"", "application/json", "application/fhir+json", "application/xml-patch+xml", "application/merge-patch+json", "application/json-patch+json; charset=latin1"} {
		sc := change(mediaType, "/Patient/a", `[]`, 415).with(expect{"Accept-Patch": "application/json-patch+json"}, expect{"issue[0].code": "not-supported", "issue[0].location": `["http.Content-Type"]`})
		sc.header["Content-Type"] = mediaType
		sc.contains = []string{"XML Patch and FHIRPath Patch are not"}
		h.play(t, []scenario{sc})
	}
}

// A search may select what to patch: https://hl7.org/fhir/R4/http.html#patch, as other writes are conditional.
func TestPatchWhere(t *testing.T) {
	const rename = `[{"op":"replace","path":"/name/0/family","value":"Cedar"}]`
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "b", "Birch")
	h.put(t, "c", "Birch")
	h.play(t, []scenario{
		change("one matches", "/Patient?family=ash", rename, 200).with(expect{"ETag": `W/"2"`}, expect{"id": "a", "name[0].family": "Cedar"}),
		change("none matches", "/Patient?family=ash", rename, 404).with(nil, expect{"issue[0].code": "not-found"}),
		change("several match", "/Patient?family=birch", rename, 412).with(nil, expect{"issue[0].code": "multiple-matches"}),
		change("no criteria", "/Patient", rename, 400),
		change("criteria that say only how to answer", "/Patient?_format=json", rename, 400),
		change("unknown criteria", "/Patient?famly=ash", rename, 400).with(nil, expect{"issue[0].location": `["http.famly"]`}),
		change("If-Match of the version", "/Patient?family=cedar", rename, 200, "If-Match", `W/"2"`).with(expect{"ETag": `W/"3"`}, nil),
		change("If-Match of another version", "/Patient?family=cedar", rename, 412, "If-Match", `W/"2"`),
		change("a failed test", "/Patient?family=cedar", `[{"op":"test","path":"/id","value":"z"}]`, 422).with(nil, expect{"issue[0].expression": `["[0]"]`}),
		change("version 2: without If-Match", "/Patient?family=cedar", rename, 428, "HC-API-Version", "2"),
		change("a type that is read only", "/AuditEvent?_id=a", rename, 405),
	})
}
