package rest_test

import (
	"net/http"
	"testing"
)

func TestRead(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "a", "Birch")
	h.put(t, "gone", "Cedar")
	h.send(t, scenario{method: "DELETE", path: "/Patient/gone"})
	const now, before, after = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 11:59:59 GMT", "Sun, 01 Mar 2026 12:00:01 GMT"
	unchanged := map[string]string{"ETag": `W/"2"`, "Last-Modified": now, "Content-Type": ""}
	h.play(t, []scenario{
		{
			name: "current version", path: "/Patient/a", status: 200,
			wantHeader: map[string]string{"ETag": `W/"2"`, "Last-Modified": now, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
			want:       `{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"2026-03-01T12:00:00.000001Z"},"name":[{"family":"Birch"}],"multipleBirthInteger":1}`,
		},
		{name: "HEAD", method: http.MethodHead, path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"2"`, "Content-Type": "application/fhir+json; charset=utf-8"}, empty: true},
		{name: "HEAD of what is not there", method: http.MethodHead, path: "/Patient/b", status: 404, empty: true},

		{name: "If-None-Match: the version", path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"2"`}, status: 304, wantHeader: unchanged, empty: true},
		{name: "If-None-Match: strong", path: "/Patient/a", header: map[string]string{"If-None-Match": `"2"`}, status: 304, empty: true},
		{name: "If-None-Match: list", path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"1", W/"2"`}, status: 304, empty: true},
		{name: "If-None-Match: *", path: "/Patient/a", header: map[string]string{"If-None-Match": `*`}, status: 304, empty: true},
		{name: "If-None-Match: an older version", path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"1"`}, status: 200},
		{name: "If-None-Match: garbage", path: "/Patient/a", header: map[string]string{"If-None-Match": `W/2"`}, status: 200},
		{name: "If-Modified-Since: later", path: "/Patient/a", header: map[string]string{"If-Modified-Since": after}, status: 304, wantHeader: unchanged, empty: true},
		{name: "If-Modified-Since: before", path: "/Patient/a", header: map[string]string{"If-Modified-Since": before}, status: 200},
		{name: "If-Modified-Since: garbage", path: "/Patient/a", header: map[string]string{"If-Modified-Since": "yesterday"}, status: 200},
		{name: "If-None-Match goes before If-Modified-Since", path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"1"`, "If-Modified-Since": after}, status: 200},
		{name: "HEAD with If-None-Match", method: http.MethodHead, path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"2"`}, status: 304, empty: true},

		{
			name: "deleted", path: "/Patient/gone", status: 410, wantHeader: map[string]string{"ETag": `W/"2"`, "Last-Modified": now},
			paths: map[string]string{"resourceType": "OperationOutcome", "issue[0].code": "deleted"},
		},
		{name: "never there", path: "/Patient/b", status: 404, wantHeader: map[string]string{"ETag": ""}, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "no id", path: "/Patient/a_b", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "too long an id", path: "/Patient/" + "1234567890123456789012345678901234567890123456789012345678901234x", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "a type that is not served", path: "/Observatory/a", status: 404, paths: map[string]string{"issue[0].code": "not-supported"}},
		{name: "a type of R4 that is not served", path: "/Claim/a", status: 404, paths: map[string]string{"issue[0].code": "not-supported"}},

		{name: "version 1", path: "/Patient/a/_history/1", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}, paths: map[string]string{"name[0].family": "Ash", "meta.versionId": "1"}},
		{name: "version 2", path: "/Patient/a/_history/2", status: 200, wantHeader: map[string]string{"ETag": `W/"2"`}, paths: map[string]string{"name[0].family": "Birch"}},
		{name: "HEAD of a version", method: http.MethodHead, path: "/Patient/a/_history/1", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}, empty: true},
		{name: "version 3", path: "/Patient/a/_history/3", status: 404, paths: map[string]string{"issue[0].code": "not-found", "issue[0].details.text": "Patient/a has no version 3; the current one is 2."}},
		{name: "version 3 of what is deleted", path: "/Patient/gone/_history/3", status: 404, paths: map[string]string{"issue[0].details.text": "Patient/gone has no version 3; the newest is 2, by which it was deleted."}},
		{name: "version 3 of nothing", path: "/Patient/b/_history/3", status: 404, paths: map[string]string{"issue[0].details.text": "There is no Patient/b."}},
		{name: "version 0", path: "/Patient/a/_history/0", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "version 01", path: "/Patient/a/_history/01", status: 404},
		{name: "version x", path: "/Patient/a/_history/x", status: 404},
		{name: "a version beyond 64 bits", path: "/Patient/a/_history/99999999999999999999", status: 404},
		{name: "version that is a deletion", path: "/Patient/gone/_history/2", status: 410, wantHeader: map[string]string{"ETag": `W/"2"`}},
		{name: "version before a deletion", path: "/Patient/gone/_history/1", status: 200, paths: map[string]string{"name[0].family": "Cedar"}},
	})
}
