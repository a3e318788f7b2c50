package rest_test

import (
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	h := open(t)
	got, _ := h.send(t, scenario{method: "POST", path: "/Patient", body: patient("x", "Ash")})
	if got.status != 201 {
		t.Fatalf("status %d", got.status)
	}
	h.put(t, "new1", "Birch")
	h.send(t, scenario{method: "DELETE", path: "/Patient/new1"})
	h.put(t, "new1", "Cedar")
	h.put(t, "put", "Dogwood")
	entry := func(resource, method, url, status, version, instant string) string {
		return `{"fullUrl":"` + base + `/Patient/new1",` + resource + `"request":{"method":"` + method + `","url":"` + url + `"},"response":{"status":"` + status +
			`","etag":"W/\"` + version + `\"","lastModified":"2026-03-01T12:00:00.00000` + instant + `Z"}}`
	}
	body := func(family, version, instant string) string {
		return `"resource":{"resourceType":"Patient","id":"new1","meta":{"versionId":"` + version + `","lastUpdated":"2026-03-01T12:00:00.00000` + instant + `Z"},"name":[{"family":"` + family + `"}],"multipleBirthInteger":1},`
	}
	entries := []string{
		entry(body("Cedar", "4", "3"), "PUT", "Patient/new1", "201", "4", "3"),
		entry("", "DELETE", "Patient/new1", "200", "3", "2"),
		entry(body("Birch", "2", "1"), "PUT", "Patient/new1", "200", "2", "1"),
		entry(body("Ash", "1", "0"), "POST", "Patient", "201", "1", "0"),
	}
	page := func(total, self string, entries ...string) string {
		text := `{"resourceType":"Bundle","type":"history","total":` + total + `,"link":[{"relation":"self","url":"` + base + `/Patient/new1/_history?` + self + `"}]`
		if len(entries) > 0 {
			text += `,"entry":[` + strings.Join(entries, ",") + `]`
		}
		return text + "}"
	}
	h.play(t, []scenario{
		{name: "all", path: "/Patient/new1/_history", status: 200, want: page("4", "_count=50", entries...)},
		{name: "an update as create", path: "/Patient/put/_history", status: 200, paths: map[string]string{"entry[#]": "1", "entry[0].request.method": "PUT", "entry[0].response.status": "201"}},
		{name: "_count=0", path: "/Patient/new1/_history?_count=0", status: 200, want: page("4", "_count=0")},
		{name: "_count beyond the most", path: "/Patient/new1/_history?_count=99999999999999999999", status: 200, want: page("4", "_count=1000", entries...)},
		{
			name: "_since", path: "/Patient/new1/_history?_since=2026-03-01T12:00:00.000002Z", status: 200,
			want: page("2", "_count=50&_since=2026-03-01T12:00:00.000002Z", entries[:2]...),
		},
		{
			name: "_since with an offset whose plus sign became a space", path: "/Patient/new1/_history?_since=2026-03-01T13:00:00.000003+01:00", status: 200,
			want: page("1", "_count=50&_since=2026-03-01T12:00:00.000003Z", entries[:1]...),
		},
		{name: "_since later", path: "/Patient/new1/_history?_since=2026-03-02T00:00:00Z", status: 200, want: page("0", "_count=50&_since=2026-03-02T00:00:00.000000Z")},
		{name: "an empty parameter", path: "/Patient/new1/_history?_count=&_since=", status: 200, want: page("4", "_count=50", entries...)},
		{name: "an unknown parameter", path: "/Patient/new1/_history?x=1&_pretty=true", status: 200, want: page("4", "_count=50", entries...)},
		{name: "an unknown parameter, strict", path: "/Patient/new1/_history?x=1", header: map[string]string{"Prefer": "handling=strict"}, status: 400, paths: map[string]string{"issue[0].location": `["http.x"]`}},
		{name: "an unknown parameter, version 2", path: "/Patient/new1/_history?x=1", header: map[string]string{"HC-API-Version": "2"}, status: 400},
		{
			name: "every fault", path: "/Patient/new1/_history?_count=-1&_since=2026-03-01&_at=2026", status: 400,
			paths: map[string]string{
				"issue[#]":           "3",
				"issue[0].location":  `["http._at"]`,
				"issue[1].location":  `["http._count"]`,
				"issue[2].location":  `["http._since"]`,
				"issue[2].code":      "value",
				"issue[0].code":      "not-supported",
				"issue[1].details":   `{"text":"\"-1\" is no number of entries: write 0 to 1000."}`,
				"issue[2].severity":  "error",
				"issue[2].something": "",
			},
		},
		{name: "_count that is no number", path: "/Patient/new1/_history?_count=ten", status: 400},
		{name: "_count twice", path: "/Patient/new1/_history?_count=1&_count=2", status: 400, contains: []string{"comes 2 times"}},
		{name: "an invented cursor", path: "/Patient/new1/_history?_cursor=abc", status: 400, paths: map[string]string{"issue[0].location": `["http._cursor"]`}},
		{name: "never there", path: "/Patient/b/_history", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "HEAD", method: "HEAD", path: "/Patient/new1/_history", status: 200, empty: true},
		{name: "of a type", path: "/Patient/_history", status: 404},
	})
	_, text := h.send(t, scenario{path: "/Patient/new1/_history"})
	checkValid(t, text)
	_, text = h.send(t, scenario{path: "/Patient/new1/_history?_count=0"})
	checkValid(t, text)

	// Page by page: the answers' own links lead through the same entries.
	var walked []string
	next := "/Patient/new1/_history?_count=1&_format=json"
	for range 5 {
		_, text := h.send(t, scenario{path: next})
		got := parse(t, text)
		if n := at(got, "entry[#]"); n != "1" {
			t.Fatalf("%s entries: %s", n, text)
		}
		walked = append(walked, at(got, "entry[0]"))
		if at(got, "total") != "4" || !strings.HasPrefix(base+next, at(got, "link[0].url")) {
			t.Errorf("total or self: %s", text)
		}
		if next = strings.TrimPrefix(at(got, "link[1].url"), base); next == "" {
			break
		}
		if !strings.HasSuffix(next, "&_format=json") {
			t.Errorf("next without _format: %s", next)
		}
	}
	if strings.Join(walked, "\n") != strings.Join(entries, "\n") {
		t.Errorf("pages:\n%s", strings.Join(walked, "\n"))
	}
	_, text = h.send(t, scenario{path: "/Patient/new1/_history?_count=1"})
	second := strings.TrimPrefix(at(parse(t, text), "link[1].url"), base)
	h.play(t, []scenario{
		{name: "a cursor with other parameters", path: second + "&_count=5", status: 400, paths: map[string]string{"issue[0].location": `["http._count"]`}},
		{name: "a cursor of another resource", path: strings.Replace(second, "new1", "put", 1), status: 400},
	})
}
