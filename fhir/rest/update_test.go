package rest_test

import "testing"

func TestUpdate(t *testing.T) {
	match := func(value string) map[string]string { return map[string]string{"If-Match": value} }
	v2 := func(more ...string) map[string]string {
		header := map[string]string{"HC-API-Version": "2"}
		for i := 0; i < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		return header
	}
	open(t).play(t, []scenario{
		{
			name: "as create", method: "PUT", path: "/Patient/a", body: patient("a", "Ash"), status: 201,
			wantHeader: map[string]string{"Location": base + "/Patient/a/_history/1", "ETag": `W/"1"`},
			want:       `{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.000000Z"},"name":[{"family":"Ash"}],"multipleBirthInteger":1}`,
		},
		{
			name: "again", method: "PUT", path: "/Patient/a", body: patient("a", "Birch"), status: 200,
			wantHeader: map[string]string{"Location": "", "ETag": `W/"2"`, "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT"}, paths: map[string]string{"meta.versionId": "2"},
		},
		{name: "return=minimal", method: "PUT", path: "/Patient/a", body: patient("a", "Cedar"), header: map[string]string{"Prefer": "return=minimal"}, status: 200, wantHeader: map[string]string{"ETag": `W/"3"`}, empty: true},

		{name: "If-Match: weak", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`W/"3"`), status: 200, wantHeader: map[string]string{"ETag": `W/"4"`}},
		{name: "If-Match: strong", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`"4"`), status: 200, wantHeader: map[string]string{"ETag": `W/"5"`}},
		{name: "If-Match: bare", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`5`), status: 200, wantHeader: map[string]string{"ETag": `W/"6"`}},
		{name: "If-Match: list with the current one", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`W/"1", W/"6"`), status: 200, wantHeader: map[string]string{"ETag": `W/"7"`}},
		{name: "If-Match: *", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`*`), status: 200, wantHeader: map[string]string{"ETag": `W/"8"`}},
		{name: "If-Match: stale", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`W/"1"`), status: 412, paths: map[string]string{"issue[0].code": "conflict"}},
		{name: "If-Match: list of stale ones", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`W/"1", W/"2"`), status: 412},
		{name: "If-Match: a tag that is none of ours", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`"abc"`), status: 412, paths: map[string]string{"issue[0].location": `["http.If-Match"]`}},
		{name: "If-Match: garbage", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`W/8`), status: 400, paths: map[string]string{"issue[0].code": "value", "issue[0].location": `["http.If-Match"]`}},
		{name: "If-Match: commas", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: match(`,`), status: 400},
		{name: "If-Match where nothing is", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: match(`W/"1"`), status: 412},
		{name: "If-Match: a list where nothing is", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: match(`W/"1",W/"2"`), status: 412},
		{name: "If-Match: * where nothing is", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: match(`*`), status: 412},
		{name: "If-None-Match: * where something is", method: "PUT", path: "/Patient/a", body: patient("a", "x"), header: map[string]string{"If-None-Match": "*"}, status: 412},
		{name: "If-None-Match: * where nothing is", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: map[string]string{"If-None-Match": "*"}, status: 201},
		{name: "If-None-Match: a version", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: map[string]string{"If-None-Match": `W/"1"`}, status: 400, paths: map[string]string{"issue[0].code": "not-supported"}},
		{name: "If-Match and If-None-Match", method: "PUT", path: "/Patient/b", body: patient("b", "x"), header: map[string]string{"If-None-Match": "*", "If-Match": "*"}, status: 400},
		{name: "nothing of this was written", path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"8"`}},

		{name: "another id", method: "PUT", path: "/Patient/a", body: patient("b", "x"), status: 400, paths: map[string]string{"issue[0].expression": `["Patient.id"]`}},
		{name: "no id in the body", method: "PUT", path: "/Patient/a", body: `{"resourceType":"Patient"}`, status: 400, paths: map[string]string{"issue[0].code": "required"}},
		{name: "another type", method: "PUT", path: "/Slot/a", body: patient("a", "x"), status: 400},
		{name: "no id in the URL", method: "PUT", path: "/Patient/a_b", body: patient("a_b", "x"), status: 400, paths: map[string]string{"issue[0].code": "value"}},

		{name: "version 2: new", method: "PUT", path: "/Patient/c", body: patient("c", "x"), header: v2(), status: 201},
		{name: "version 2: without If-Match", method: "PUT", path: "/Patient/c", body: patient("c", "x"), header: v2(), status: 428, wantHeader: map[string]string{"HC-API-Version": "2"}, paths: map[string]string{"issue[0].code": "required"}},
		{name: "version 2: with If-Match", method: "PUT", path: "/Patient/c", body: patient("c", "x"), header: v2("If-Match", `W/"1"`), status: 200},
		{name: "version 2: with If-Match: *", method: "PUT", path: "/Patient/c", body: patient("c", "x"), header: v2("If-Match", `*`), status: 200},
		{name: "version 2: delete without If-Match", method: "DELETE", path: "/Patient/c", header: v2(), status: 428},
		{name: "version 2: delete with If-Match", method: "DELETE", path: "/Patient/c", header: v2("If-Match", `W/"3"`), status: 200},
		{name: "version 2: put after delete", method: "PUT", path: "/Patient/c", body: patient("c", "x"), header: v2(), status: 201, wantHeader: map[string]string{"ETag": `W/"5"`}},
	})
}

func TestDelete(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	h.play(t, []scenario{
		{name: "stale If-Match", method: "DELETE", path: "/Patient/a", header: map[string]string{"If-Match": `W/"7"`}, status: 412},
		{
			name: "first time", method: "DELETE", path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"2"`},
			want: `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Patient/a was deleted."}}]}`,
		},
		{name: "second time", method: "DELETE", path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"2"`}, contains: []string{"nothing was to be done"}},
		{name: "what never was", method: "DELETE", path: "/Patient/b", status: 200, wantHeader: map[string]string{"ETag": ""}, contains: []string{"There is no Patient/b"}},
		{name: "return=minimal", method: "DELETE", path: "/Patient/b", header: map[string]string{"Prefer": "return=minimal"}, status: 204, wantHeader: map[string]string{"Preference-Applied": "return=minimal", "Content-Length": ""}, empty: true},
		{name: "no id", method: "DELETE", path: "/Patient/a_b", status: 404},
		{name: "an empty id", method: "DELETE", path: "/Patient/", status: 404},
		{name: "put after delete", method: "PUT", path: "/Patient/a", body: patient("a", "Ash"), status: 201, wantHeader: map[string]string{"ETag": `W/"3"`, "Location": base + "/Patient/a/_history/3"}},
	})
}
