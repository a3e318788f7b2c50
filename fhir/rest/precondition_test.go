package rest_test

import (
	"net/http"
	"testing"
	"time"
)

// A date names a second. Who was told it may have seen any version of that second, so that it stands for the current version only
// when there was no other in it (RFC 9110 8.8.2.2).
func TestIfModifiedSinceInTheSecondOfAChange(t *testing.T) {
	const noon, later = "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:02 GMT"
	since := func(date string) map[string]string { return map[string]string{"If-Modified-Since": date} }
	h := open(t)
	h.put(t, "a", "Ash")
	h.play(t, []scenario{{name: "one version", path: "/Patient/a", header: since(noon), status: 304, wantHeader: map[string]string{"ETag": `W/"1"`, "Last-Modified": noon}, empty: true}})
	h.put(t, "a", "Birch")
	h.play(t, []scenario{
		{name: "changed in the same second", path: "/Patient/a", header: since(noon), status: 200, wantHeader: map[string]string{"ETag": `W/"2"`, "Last-Modified": noon}, paths: map[string]string{"name[0].family": "Birch"}},
		{name: "the second after", path: "/Patient/a", header: since("Sun, 01 Mar 2026 12:00:01 GMT"), status: 304, empty: true},
		{name: "two dates are none", path: "/Patient/a", lines: http.Header{"If-Modified-Since": {later, later}}, status: 200},
	})
	h.sinceNoon.Store(int64(2500 * time.Millisecond))
	h.put(t, "a", "Cedar")
	h.play(t, []scenario{
		{name: "changed in another second", path: "/Patient/a", header: since(noon), status: 200, wantHeader: map[string]string{"ETag": `W/"3"`, "Last-Modified": later}},
		{name: "the second of the change", path: "/Patient/a", header: since(later), status: 304, wantHeader: map[string]string{"ETag": `W/"3"`}, empty: true},
		{name: "delete in that second", method: "DELETE", path: "/Patient/a", status: 200},
	})
	h.put(t, "a", "Damson")
	h.play(t, []scenario{{name: "deleted and made anew in that second", path: "/Patient/a", header: since(later), status: 200, wantHeader: map[string]string{"ETag": `W/"5"`, "Last-Modified": later}}})
}

// What If-Match asks for may come in one line or in several; the answer names all of it.
func TestIfMatchOfSeveral(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	h.put(t, "a", "Ash")
	h.put(t, "gone", "Ash")
	h.send(t, scenario{method: "DELETE", path: "/Patient/gone"})
	put := func(name, id string, status int, said string, tags ...string) scenario {
		sc := scenario{name: name, method: "PUT", path: "/Patient/" + id, body: patient(id, "Birch"), lines: http.Header{"If-Match": tags}, status: status}
		if said != "" {
			sc.paths = map[string]string{"issue[0].code": "conflict", "issue[0].details.text": said}
		}
		return sc
	}
	h.play(t, []scenario{
		put("none is current", "a", 412, `Patient/a should be in one of the versions 1, 3, but it is in version 2.`, `W/"1", W/"3"`),
		put("none is current, in lines", "a", 412, `Patient/a should be in version 1, but it is in version 2.`, `W/"1"`, `"x"`),
		put("none can be a version's", "a", 412, `Patient/a has no version "x, y". The current one is in the ETag of a read.`, `"x"`, `"y"`),
		put("of what is deleted", "gone", 412, `Patient/gone should be in one of the versions 1, 2, but there is no such resource.`, `W/"1"`, `W/"2"`),
		put("of what never was", "b", 412, `Patient/b should be in one of the versions 1, 2, but there is no such resource.`, `W/"1"`, `W/"2"`),
		put("the second line is current", "a", 200, "", `W/"1"`, `W/"2"`),
	})
}
