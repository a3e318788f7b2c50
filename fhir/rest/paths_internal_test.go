package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/conformance"
)

func TestLocate(t *testing.T) {
	tests := map[string]address{
		"":                                   {place: onBase},
		"/":                                  {place: onBase},
		"/metadata":                          {place: onMetadata},
		"/.well-known/smart-configuration":   {place: onDocument},
		"/.well-known/smart-configuration/x": {place: nowhere},
		"/.well-known/other":                 {place: onInstance},
		"/_history":                          {place: onSystemHistory},
		"/$explain":                          {place: onSystemOperation, operation: "explain"},
		"/Patient":                           {place: onType},
		"/Patient/_search":                   {place: onSearch},
		"/Patient/_history":                  {place: onTypeHistory},
		"/Patient/$validate":                 {place: onTypeOperation, operation: "validate"},
		"/Patient/%24validate":               {place: onTypeOperation, operation: "validate"},
		"/%50atient/%61":                     {place: onInstance},
		"/Patient/a%2Fb":                     {place: onInstance},
		"/Patient/%5Fhistory":                {place: onInstance},
		"/Patient/a/_history":                {place: onHistory},
		"/Patient/a/_history/1":              {place: onVersion, vid: "1"},
		"/Patient/a/$validate":               {place: onInstanceOperation, operation: "validate"},
		"/_search":                           {place: onSystemSearch},
		"/Patient/a/Slot":                    {place: onCompartment, member: "Slot"},
		"/Patient/a/%53lot":                  {place: onCompartment, member: "Slot"},
		"/Patient/a/*":                       {place: onCompartment, member: "*"},
		"/Patient/a/%2A":                     {place: onCompartment, member: "*"},
		"/Patient/a/Slot/_search":            {place: onCompartmentSearch, member: "Slot"},
		"/Patient/a/*/_search":               {place: onCompartmentSearch, member: "*"},
		"/Patient/a/_search":                 {place: onCompartmentSearch},
		"/Patient/a/slot":                    {place: nowhere},
		"/Patient/a/Slot/b":                  {place: nowhere},
		"/Patient/a/Slot/":                   {place: nowhere},
		"/Patient/":                          {place: nowhere},
		"//Patient":                          {place: nowhere},
		"/Patient/a/":                        {place: nowhere},
		"/Patient/a/_history/1/x":            {place: nowhere},
		"/Patient/a/_history/1/x/y/z?_count": {place: nowhere},
		"s":                                  {place: nowhere},
	}
	ids := map[string]string{"/%50atient/%61": "a", "/Patient/a%2Fb": "a/b", "/Patient/%5Fhistory": "_history"}
	for path, want := range tests {
		got := locate(conformance.FHIRPath + path)
		if got.place != want.place || got.vid != want.vid || got.operation != want.operation || got.member != want.member {
			t.Errorf("%s: %+v", path, got)
		}
		if id := ids[path]; id != "" && (got.key.ID != id || got.key.Type != "Patient") {
			t.Errorf("%s: %+v", path, got.key)
		}
	}
	if got := locate("/Patient/a"); got.place != nowhere {
		t.Errorf("outside of the base: %+v", got)
	}
}

// Paths are told apart as gorilla/mux tells them apart by the same templates, in the same order.
func TestLocateAgreesWithARouter(t *testing.T) {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	places := map[*mux.Route]place{}
	for _, p := range paths {
		route := router.Path(p.template)
		if strings.Contains(p.template, "{member}") {
			route.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
				segments := strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/_search"), "/")
				return isMember(decodeSegment(segments[len(segments)-1]))
			})
		}
		if strings.HasSuffix(p.template, "{operation}") {
			route.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
				path := r.URL.EscapedPath()
				last := path[strings.LastIndexByte(path, '/')+1:]
				return strings.HasPrefix(last, "$") || strings.HasPrefix(last, "%24")
			})
		}
		places[route] = p.place
	}
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.SampledFrom([]string{"", "metadata", "_history", "_search", "$validate", "%24x", "Patient", "%50", "a", "a%2Fb", "..", "1", "$", "%C3%A9", "a;b", "*", "%2A", ".well-known", "smart-configuration"})
		path := conformance.FHIRPath
		for _, s := range rapid.SliceOfN(segment, 0, 6).Draw(t, "segments") {
			path += "/" + s
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		var match mux.RouteMatch
		want := nowhere
		if router.Match(r, &match) {
			want = places[match.Route]
		}
		got := locate(r.URL.EscapedPath())
		if got.place != want || got.key.Type != decodeSegment(match.Vars["type"]) || got.key.ID != decodeSegment(match.Vars["id"]) ||
			got.vid != decodeSegment(match.Vars["version"]) || got.operation != strings.TrimPrefix(decodeSegment(match.Vars["operation"]), "$") || got.member != decodeSegment(match.Vars["member"]) {
			t.Fatalf("%s: %+v, want %d %v", path, got, want, match.Vars)
		}
		if want != nowhere {
			if template, _ := match.Route.GetPathTemplate(); got.template != template {
				t.Fatalf("%s: the template %s, want %s", path, got.template, template)
			}
		}
	})
}
