package rest_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// Every canonical URL of the server's own leads to a definition, by read and by search: those that the CapabilityStatement has, and those of extensions.
func TestDefinitionsAreServed(t *testing.T) {
	h := open(t)
	_, text := h.send(t, scenario{path: "/metadata"})
	statement, err := models.UnmarshalCapabilityStatement(text)
	must(t, err)
	own := []string{booking.HolderURL, booking.HoldUntilURL, booking.NoticeURL, booking.LeadTimeURL, booking.WorkingHoursURL, booking.GeneratedURL}
	for _, o := range statement.Rest[0].Operation {
		own = append(own, o.Definition)
	}
	for _, r := range statement.Rest[0].Resource {
		for _, p := range r.SearchParam {
			own = append(own, *p.Definition)
		}
	}
	seen := 0
	for _, canonical := range own {
		path, isOwn := strings.CutPrefix(canonical, fhir.OwnURL)
		if !isOwn {
			continue
		}
		seen++
		typ, id, _ := strings.Cut(path, "/")
		got, body := h.send(t, scenario{path: "/" + path})
		if got.status != 200 {
			t.Fatalf("%s: %d %s", canonical, got.status, body)
		}
		checkValid(t, body)
		h.play(t, []scenario{
			{name: canonical, path: "/" + path, status: 200, paths: map[string]string{"url": canonical, "id": id}},
			{name: "by its URL", path: "/" + typ + "?url=" + url.QueryEscape(canonical), status: 200, paths: map[string]string{"total": "1", "entry[0].resource.url": canonical, "entry[0].fullUrl": base + "/" + path}},
		})
	}
	if seen < 9 || !slices.Contains(own, fhir.OwnURL+"SearchParameter/Resource-since") {
		t.Errorf("%d own definitions are advertised: %v", seen, own)
	}
}

func TestDefinitionsAsATypeOfTheirOwn(t *testing.T) {
	h := open(t)
	strict := map[string]string{"HC-API-Version": "2"}
	got, _ := h.send(t, scenario{path: "/SearchParameter/Appointment-created"})
	h.play(t, []scenario{
		{name: "all", path: "/SearchParameter", status: 200, paths: map[string]string{"total": "4", "entry[#]": "4", "link[0].url": base + "/SearchParameter"}},
		{name: "by id, by a form", method: "POST", path: "/SearchParameter/_search", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "_id=Appointment-created,x", status: 200,
			paths: map[string]string{"total": "1", "link[0].url": base + "/SearchParameter?_id=Appointment-created,x"}},
		{name: "none", path: "/SearchParameter?url=x&_id=Appointment-created", status: 200, paths: map[string]string{"total": "0", "entry[#]": ""}},
		{name: "what is ignored", path: "/SearchParameter?shoe=created", status: 200, paths: map[string]string{"total": "4", "entry[4].resource.issue[0].location": `["http.shoe"]`}},
		{name: "what is refused", path: "/SearchParameter?shoe=created", header: strict, status: 400, paths: map[string]string{"issue[0].location": `["http.shoe"]`}},
		{name: "by another parameter", path: "/SearchParameter?code=created&base=Appointment", header: strict, status: 200, paths: map[string]string{"total": "1", "entry[0].resource.id": "Appointment-created"}},
		{name: "a number a page", path: "/SearchParameter?_count=10", header: strict, status: 200, paths: map[string]string{"total": "4", "entry[#]": "4", "link[#]": "1", "link[0].url": base + "/SearchParameter?_count=10"}},
		{name: "a total alone", path: "/SearchParameter?_summary=count", header: strict, status: 200, paths: map[string]string{"total": "4", "entry[#]": ""}},
		{name: "parts", path: "/SearchParameter?_summary=true&_sort=-code", header: strict, status: 200, paths: map[string]string{
			"entry[0].resource.code": "healthcare-service", "entry[0].resource.expression": "", "entry[0].resource.meta.tag[0].code": "SUBSETTED"}},
		{name: "a part of an operation", path: "/OperationDefinition/explain?_summary=true", status: 200, paths: map[string]string{"url": conformance.ExplainDefinition, "parameter": "", "meta.tag[0].code": "SUBSETTED"}},
		{name: "below a URL", path: "/SearchParameter?url:below=" + url.QueryEscape(fhir.OwnURL+"SearchParameter"), header: strict, status: 200, paths: map[string]string{"total": "4"}},
		{name: "with an id", path: "/SearchParameter?_id:missing=false", header: strict, status: 200, paths: map[string]string{"total": "4"}},
		{name: "a comma in a value", path: `/SearchParameter?url=x%5C,` + url.QueryEscape(fhir.OwnURL+"SearchParameter/Appointment-created"), status: 200, paths: map[string]string{"total": "0"}},
		{name: "explained", path: "/$explain?url=" + url.QueryEscape("SearchParameter?code=created"), status: 200, paths: map[string]string{
			"parameter[4].part[0].valueCode": "SearchParameter", "parameter[4].part[2].valueString": "definitions in memory", "parameter[4].part[4].valueInteger": "1"}},
		{name: "not among what is stored", path: "/?_type=SearchParameter", status: 400, contains: []string{"stores no resources of type SearchParameter"}},
		{name: "not modified", path: "/SearchParameter/Appointment-created", header: map[string]string{"If-None-Match": got.header.Get("ETag")}, status: 304, empty: true},
		{name: "not there", path: "/SearchParameter/x", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{name: "no version", path: "/SearchParameter/Appointment-created/_history/1", status: 404},
		{name: "not written", method: "PUT", path: "/SearchParameter/Appointment-created", body: `{"resourceType":"SearchParameter","id":"Appointment-created"}`, status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "not made", method: "POST", path: "/SearchParameter", body: `{"resourceType":"SearchParameter"}`, status: 405},
	})
	for path, ids := "/SearchParameter?_count=2&_sort=code", []string{"Resource-since", "Slot-appointment", "Appointment-created", "Appointment-healthcare-service"}; ; {
		_, text := h.send(t, scenario{path: path})
		page, err := models.UnmarshalBundle(text)
		must(t, err)
		for _, entry := range page.Entry {
			if len(ids) == 0 || !strings.Contains(string(entry.Resource), `"id":"`+ids[0]+`"`) {
				t.Fatalf("%s comes where there should be one of %v", entry.Resource, ids)
			}
			ids = ids[1:]
		}
		next := slices.IndexFunc(page.Link, func(l models.BundleLink) bool { return l.Relation == "next" })
		if (next < 0) != (len(ids) == 0) {
			t.Fatalf("page by page: %v are left, and the links are %v", ids, page.Link)
		}
		if next < 0 {
			break
		}
		path = strings.TrimPrefix(page.Link[next].Url, base)
	}
	all, err := conformance.ServedTypes([]string{"all"})
	must(t, err)
	openWith(t, all).play(t, []scenario{{name: "a stored type has what is stored", path: "/SearchParameter", status: 200, paths: map[string]string{"total": "0"}}})
}
