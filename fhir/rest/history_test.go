package rest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
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
			name: "every fault", path: "/Patient/new1/_history?_count=-1&_since=2026-03-01&_list=a&_at=x&_type=Patient", status: 400,
			paths: map[string]string{
				"issue[#]":          "5",
				"issue[0].location": `["http._at"]`,
				"issue[0].code":     "value",
				"issue[1].location": `["http._count"]`,
				"issue[1].details":  `{"text":"\"-1\" is no number of entries: write 0 to 1000."}`,
				"issue[2].location": `["http._list"]`,
				"issue[2].code":     "not-supported",
				"issue[2].details":  `{"text":"This history has no parameter \"_list\"; it has _count, _since and _at."}`,
				"issue[3].location": `["http._since"]`,
				"issue[3].code":     "value",
				"issue[4].location": `["http._type"]`,
				"issue[4].severity": "error",
			},
		},
		{name: "_count that is no number", path: "/Patient/new1/_history?_count=ten", status: 400},
		{name: "_count twice", path: "/Patient/new1/_history?_count=1&_count=2", status: 400, contains: []string{"comes 2 times"}},
		{name: "an invented cursor", path: "/Patient/new1/_history?_cursor=abc", status: 400, paths: map[string]string{"issue[0].location": `["http._cursor"]`}},
		{name: "never there", path: "/Patient/b/_history", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "HEAD", method: "HEAD", path: "/Patient/new1/_history", status: 200, empty: true},
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

// Histories of a type and of all types (https://hl7.org/fhir/R4/http.html#history): newest first, deletions among them, resources mixed. What
// made a resource was answered 201.
func TestHistoryOfMany(t *testing.T) {
	h := open(t)
	clock := func(minutes int) { h.sinceNoon.Store(int64(time.Duration(minutes) * time.Minute)) }
	slot := `{"resourceType":"Slot","id":"s","schedule":{"reference":"Schedule/s"},"status":"free","start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:10:00Z"}`
	h.put(t, "a", "Ash") // at noon
	clock(1)
	h.put(t, "b", "Birch")
	clock(2)
	h.send(t, scenario{method: "PUT", path: "/Slot/s", body: slot})
	clock(3)
	h.put(t, "a", "Alder")
	clock(4)
	h.send(t, scenario{method: "DELETE", path: "/Patient/a"})
	clock(5)
	h.put(t, "b", "Beech")
	clock(6)
	h.put(t, "a", "Aspen")
	told := func(entries ...string) string { return "[" + strings.Join(entries, " ") + "]" }
	aspen, beech, gone, alder, free, birch, ash := "Patient/a 4 201", "Patient/b 2 200", "Patient/a 3 200", "Patient/a 2 200", "Slot/s 1 201", "Patient/b 1 201", "Patient/a 1 201"
	tests := []struct {
		name, path, self, want string
		total                  string
	}{
		{"a type", "/Patient/_history", "/Patient/_history?_count=50", told(aspen, beech, gone, alder, birch, ash), "6"},
		{"all types", "/_history", "/_history?_count=50", told(aspen, beech, gone, alder, free, birch, ash), "7"},
		{"some types", "/_history?_type=Slot,Schedule", "/_history?_count=50&_type=Slot,Schedule", told(free), "1"},
		{"the total alone", "/_history?_count=0", "/_history?_count=0", told(), "7"},
		{"_since", "/_history?_since=2026-03-01T12:05:00Z", "/_history?_count=50&_since=2026-03-01T12:05:00.000000Z", told(aspen, beech), "2"},
		{"_at a moment", "/Patient/_history?_at=2026-03-01T12:03:30Z", "/Patient/_history?_count=50&_at=2026-03-01T12:03:30Z", told(alder, birch), "2"},
		{"_at a minute without zone", "/Patient/_history?_at=2026-03-01T12:04", "/Patient/_history?_count=50&_at=2026-03-01T12:04", told(gone, birch), "2"},
		{"_at with an offset", "/Slot/_history?_at=2026-03-01T13:03:30%2B01:00", "/Slot/_history?_count=50&_at=2026-03-01T13:03:30%2B01:00", told(free), "1"},
		{"_at a day", "/Slot/_history?_at=2026-03-01", "/Slot/_history?_count=50&_at=2026-03-01", told(free), "1"},
		{"_at a year before", "/_history?_at=2025", "/_history?_count=50&_at=2025", told(), "0"},
		{"_at of an instance", "/Patient/a/_history?_at=2026-03-01T12:03:30Z", "/Patient/a/_history?_count=50&_at=2026-03-01T12:03:30Z", told(alder), "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, text := h.send(t, scenario{path: tt.path})
			if got.status != 200 {
				t.Fatalf("%d: %s", got.status, text)
			}
			tree := parse(t, text)
			if entries := told(versionsIn(tree)...); entries != tt.want {
				t.Errorf("entries %s, want %s", entries, tt.want)
			}
			checkAt(t, tree, map[string]string{"total": tt.total, "link[0].url": base + tt.self})
			checkValid(t, text)
		})
	}
	t.Run("page by page", func(t *testing.T) {
		var walked []string
		next := "/_history?_count=2"
		for range 6 {
			_, text := h.send(t, scenario{path: next})
			tree := parse(t, text)
			walked = append(walked, versionsIn(tree)...)
			if next = strings.TrimPrefix(at(tree, "link[1].url"), base); next == "" {
				break
			}
		}
		if got, want := told(walked...), told(aspen, beech, gone, alder, free, birch, ash); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	h.play(t, []scenario{
		{name: "_list", path: "/_history?_list=a", status: 400, contains: []string{"it has _count, _since, _at and _type."}},
		{name: "_type of a type's", path: "/Patient/_history?_type=Slot", status: 400, paths: map[string]string{"issue[0].location": `["http._type"]`}},
		{name: "_type that is not served", path: "/_history?_type=Slot,Visit", status: 400, paths: map[string]string{"issue[#]": "1", "issue[0].location": `["http._type"]`}},
		{name: "a type that is not served", path: "/Claim/_history", status: 404},
		{name: "another method", method: "POST", path: "/_history", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "strict", path: "/_history?x=1", header: map[string]string{"HC-API-Version": "2"}, status: 400},
	})
}

// withoutVersions is a store that reads no single versions.
type withoutVersions struct{ storage.Store }

func (withoutVersions) ReadVersion(context.Context, fhir.Partition, fhir.Key, int64) (fhir.Version, error) {
	return fhir.Version{}, errors.New("a version is read")
}

// A page tells what made its versions without reading the ones before them, which are on other pages.
func TestHistoryReadsItsPageAlone(t *testing.T) {
	h := open(t)
	for _, family := range []string{"Ash", "Birch"} {
		h.put(t, "a", family)
		h.put(t, "b", family)
	}
	h.send(t, scenario{method: "DELETE", path: "/Patient/b"})
	h.put(t, "a", "Cedar")
	h.put(t, "b", "Cedar")
	h.face.Engine.Store = withoutVersions{h.face.Engine.Store}
	for path, want := range map[string]string{
		"/Patient/_history?_count=2":   "[Patient/b 4 201 Patient/a 3 200]",
		"/Patient/a/_history?_count=1": "[Patient/a 3 200]",
		"/_history?_count=4":           "[Patient/b 4 201 Patient/a 3 200 Patient/b 3 200 Patient/b 2 200]",
		"/Patient/b/_history?_count=1": "[Patient/b 4 201]",
	} {
		got, text := h.send(t, scenario{path: path})
		if got.status != 200 {
			t.Errorf("%s: %d: %s", path, got.status, text)
		} else if entries := fmt.Sprint(versionsIn(parse(t, text))); entries != want {
			t.Errorf("%s: %s, want %s", path, entries, want)
		}
	}
}

// A long history of many is not counted to its end.
func TestHistoryWithoutTotal(t *testing.T) {
	h := open(t)
	const more = 1001
	for i := range more {
		h.put(t, "p"+strconv.Itoa(i%7), "Ash"+strconv.Itoa(i))
	}
	_, text := h.send(t, scenario{path: "/Patient/_history?_count=3"})
	checkAt(t, parse(t, text), map[string]string{"total": "", "entry[#]": "3"})
	_, text = h.send(t, scenario{path: "/Patient/_history?_count=0"})
	checkAt(t, parse(t, text), map[string]string{"total": strconv.Itoa(more), "entry[#]": ""})
}

// versionsIn tells the entries of a history: "Patient/a 2 200".
func versionsIn(tree any) []string {
	bundle, _ := tree.(*fhir.Object)
	var told []string
	for _, e := range bundle.Objects("entry") {
		response := e.Object("response")
		told = append(told, strings.TrimPrefix(e.Text("fullUrl"), base+"/")+" "+strings.Trim(response.Text("etag"), `W/"`)+" "+response.Text("status"))
	}
	return told
}

func checkAt(t *testing.T, tree any, paths map[string]string) {
	t.Helper()
	for path, want := range paths {
		if got := at(tree, path); got != want {
			t.Errorf("%s: %q, want %q in %s", path, got, want, text(tree))
		}
	}
}
