package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

func parse(t *testing.T, text []byte) any {
	t.Helper()
	tree, err := fhir.ParseJSON(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return tree
}

func TestSearch(t *testing.T) {
	h := open(t)
	for i, family := range []string{"Ash", "Ash", "Birch"} {
		h.put(t, fmt.Sprintf("p%d", i+1), family)
	}
	form := func(more ...string) map[string]string {
		header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		for i := 0; i < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		return header
	}
	entry := func(id, family string, instant int) string {
		return fmt.Sprintf(`{"fullUrl":"%s/Patient/%s","resource":{"resourceType":"Patient","id":"%s","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.00000%dZ"},`+
			`"name":[{"family":"%s"}],"multipleBirthInteger":1},"search":{"mode":"match"}}`, base, id, id, instant, family)
	}
	h.play(t, []scenario{
		{
			name: "matches, newest first", path: "/Patient?family=ash", status: 200,
			wantHeader: map[string]string{"Content-Type": "application/fhir+json; charset=utf-8", "Cache-Control": "no-store", "ETag": "", "Preference-Applied": ""},
			want: `{"resourceType":"Bundle","type":"searchset","total":2,"link":[{"relation":"self","url":"` + base + `/Patient?family=ash"}],"entry":[` +
				entry("p2", "Ash", 1) + "," + entry("p1", "Ash", 0) + `]}`,
		},
		{
			name: "no match", path: "/Patient?family=Cedar", status: 200,
			want: `{"resourceType":"Bundle","type":"searchset","total":0,"link":[{"relation":"self","url":"` + base + `/Patient?family=Cedar"}]}`,
		},
		{name: "all", path: "/Patient", status: 200, paths: map[string]string{"total": "3", "entry[#]": "3", "link[0].url": base + "/Patient"}},
		{name: "HEAD", method: "HEAD", path: "/Patient", status: 200, empty: true},
		{name: "_count=0", path: "/Patient?_count=0", status: 200, want: `{"resourceType":"Bundle","type":"searchset","total":3,"link":[{"relation":"self","url":"` + base + `/Patient?_count=0"}]}`},
		{name: "_total=none", path: "/Patient?_total=none", status: 200, paths: map[string]string{"total": "", "entry[#]": "3"}},
		{
			name: "an unknown parameter is told", path: "/Patient?family=ash&colour=red", status: 200,
			paths: map[string]string{
				"total": "2", "entry[#]": "3", "link[0].url": base + "/Patient?family=ash", "entry[2].search.mode": "outcome", "entry[2].fullUrl": "",
				"entry[2].resource.resourceType": "OperationOutcome", "entry[2].resource.issue[0].severity": "warning", "entry[2].resource.issue[0].location": `["http.colour"]`,
			},
		},
		{
			name: "an unknown parameter, strict", path: "/Patient?family=ash&colour=red&size=7", header: map[string]string{"Prefer": "handling=strict"}, status: 400,
			paths: map[string]string{"issue[#]": "2", "issue[0].location": `["http.colour"]`, "issue[0].code": "not-supported"},
		},
		{name: "an unknown parameter, version 2", path: "/Patient?colour=red", header: map[string]string{"HC-API-Version": "2"}, status: 400, wantHeader: map[string]string{"HC-API-Version": "2"}},
		{
			name: "an unknown parameter, version 2, lenient", path: "/Patient?colour=red", header: map[string]string{"HC-API-Version": "2", "Prefer": "handling=lenient"}, status: 200,
			wantHeader: map[string]string{"Preference-Applied": "handling=lenient"}, paths: map[string]string{"total": "3", "entry[3].search.mode": "outcome"},
		},
		{name: "of handling that comes again the first counts", path: "/Patient?colour=red", header: map[string]string{"Prefer": "handling=strict, handling=lenient"}, status: 400},
		{name: "lenient first", path: "/Patient?colour=red", header: map[string]string{"Prefer": "handling=lenient, handling=strict", "HC-API-Version": "2"}, status: 200, wantHeader: map[string]string{"Preference-Applied": "handling=lenient"}},
		{name: "a handling that is not known", path: "/Patient?colour=red", header: map[string]string{"Prefer": "handling=relaxed"}, status: 200},
		{name: "a value that is none", path: "/Patient?birthdate=yesterday", status: 400, paths: map[string]string{"issue[0].location": `["http.birthdate"]`}},
		{name: "a modifier that is not offered", path: "/Patient?family:sounds=x", status: 400},
		{name: "malformed encoding", path: "/Patient?family=%zz", status: 400},
		{name: "a control character", path: "/Patient?name=%00", status: 400, paths: map[string]string{"issue[0].location": `["http.name"]`}, contains: []string{"the control character %00"}},
		{name: "a boolean that is none", path: "/Patient?active=TRUE", status: 400, contains: []string{"write true or false"}},
		{name: "_since", path: "/Patient?_since=2026-02-28&family=ash", status: 200, paths: map[string]string{"total": "2", "link[0].url": base + "/Patient?_since=2026-02-28&family=ash"}},
		{name: "_since, strict", path: "/Patient?_since=2026-03-01T12:00:00Z", header: map[string]string{"HC-API-Version": "2"}, status: 200, paths: map[string]string{"total": "3"}},
		{name: "_since beyond 90 days", path: "/Patient?_since=2025-11-30", status: 400, paths: map[string]string{"issue[0].location": `["http._since"]`}, contains: []string{"90 days", "_lastUpdated=ge2025-11-30"}},
		{name: "_contained", path: "/Patient?_contained=true", status: 400, paths: map[string]string{"issue[0].location": `["http._contained"]`, "issue[0].code": "not-supported"}},
		{name: "_format and _pretty are no search parameters", path: "/Patient?family=Birch&_format=json&_pretty=false", header: map[string]string{"HC-API-Version": "2"}, status: 200, paths: map[string]string{"total": "1", "entry[#]": "1"}},

		{name: "form", method: "POST", path: "/Patient/_search", header: form(), body: "family=ash", status: 200, paths: map[string]string{"total": "2", "link[0].url": base + "/Patient?family=ash"}},
		{name: "form and URL together", method: "POST", path: "/Patient/_search?family=ash", header: form(), body: "_id=p1", status: 200, paths: map[string]string{"total": "1", "entry[0].resource.id": "p1"}},
		{name: "URL without a form", method: "POST", path: "/Patient/_search?family=ash", status: 200, paths: map[string]string{"total": "2"}},
		{name: "form with _format and _pretty", method: "POST", path: "/Patient/_search", header: form("Accept", "text/html"), body: "family=ash&_format=json&_pretty=true", status: 200, contains: []string{"\n  \"type\": \"searchset\""}},
		{name: "form with _format=xml", method: "POST", path: "/Patient/_search", header: form(), body: "_format=xml", status: 406},
		{name: "form in UTF-8", method: "POST", path: "/Patient/_search", header: form("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"), body: "family=ash", status: 200},
		{name: "form in another character set", method: "POST", path: "/Patient/_search", header: form("Content-Type", "application/x-www-form-urlencoded; charset=latin1"), body: "family=ash", status: 415},
		{name: "JSON is no form", method: "POST", path: "/Patient/_search", body: "{}", status: 415, paths: map[string]string{"issue[0].location": `["http.Content-Type"]`}},
		{name: "too large a form", method: "POST", path: "/Patient/_search", header: form(), body: "family=" + strings.Repeat("a", 5<<20), status: 413},
		{name: "_search by GET", path: "/Patient/_search?family=ash", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "a slash at the end", path: "/Patient/?family=ash", status: 404},
	})
	for _, path := range []string{"/Patient?family=ash", "/Patient?family=nobody", "/Patient?colour=red", "/Patient?na%07me=x"} {
		_, text := h.send(t, scenario{path: path})
		checkValid(t, text)
	}
}

func TestSearchPages(t *testing.T) {
	h := open(t)
	for i := range 5 {
		h.put(t, fmt.Sprintf("p%d", i), "Secret")
	}
	first := scenario{
		method: "POST", path: "/Patient/_search", body: "family=secret&_count=2&_format=json",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "HC-API-Version": "2"},
	}
	_, text := h.send(t, first)
	var ids []string
	for range 4 {
		page := parse(t, text)
		for i := range 2 {
			if id := at(page, fmt.Sprintf("entry[%d].resource.id", i)); id != "" {
				ids = append(ids, id)
			}
		}
		if at(page, "total") != "5" {
			t.Errorf("total: %s", text)
		}
		next := at(page, "link[1].url")
		if next == "" {
			break
		}
		if at(page, "link[1].relation") != "next" || strings.Contains(next, "secret") || !strings.HasSuffix(next, "&_format=json") {
			t.Errorf("next: %s", next)
		}
		next = strings.TrimPrefix(next, base)
		if got, text := h.send(t, scenario{path: next}); got.status != 400 {
			t.Errorf("a cursor of version 2 in version 1: %d %s", got.status, text)
		}
		_, text = h.send(t, scenario{path: next, header: map[string]string{"HC-API-Version": "2"}})
		if self := at(parse(t, text), "link[0].url"); !strings.HasPrefix(base+next, self) || strings.Contains(self, "secret") {
			t.Errorf("self of a later page: %s, want %s", self, base+next)
		}
	}
	if got := strings.Join(ids, " "); got != "p4 p3 p2 p1 p0" {
		t.Errorf("pages: %s", got)
	}
}
