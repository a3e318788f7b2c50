package rest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/rest"
)

func TestAPIVersion(t *testing.T) {
	h := open(t)
	version := func(v string) map[string]string { return map[string]string{"HC-API-Version": v} }
	h.play(t, []scenario{
		{name: "absent", path: "/Patient", status: 200, wantHeader: map[string]string{"HC-API-Version": "1", "Deprecation": "", "Sunset": ""}},
		{name: "1", path: "/Patient", header: version("1"), status: 200, wantHeader: version("1")},
		{name: "2", path: "/Patient", header: version(" 2 "), status: 200, wantHeader: version("2")},
		{
			name: "unknown", path: "/Patient", header: version("3"), status: 400, wantHeader: version("1"),
			want: `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported","details":{"text":"HC-API-Version asks for \"3\", but there are the versions 1 and 2. Without the header it is 1."},"location":["http.HC-API-Version"]}]}`,
		},
		{name: "unknown, of metadata", path: "/metadata", header: version("3"), status: 400, wantHeader: version("1")},
		{name: "two at once", path: "/Patient", header: version("1, 2"), status: 400},
		{name: "two lines", path: "/Patient", header: version("1"), lines: http.Header{"Hc-Api-Version": {"2"}}, status: 400},
		{name: "of an error", path: "/Patient/none", header: version("2"), status: 404, wantHeader: version("2")},
		{name: "where nothing is", path: "/a/b/c/d/e", header: version("2"), status: 404, wantHeader: version("2")},
	})
}

// A version that is on its way out says so, on every answer (RFC 9745, RFC 8594).
func TestDeprecation(t *testing.T) {
	open(t, func(f *rest.Face) {
		f.Promises.Versions = append([]conformance.APIVersion{{
			Number: "0", Deprecated: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2027, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
		}}, f.Promises.Versions...)
	}).play(t, []scenario{
		{name: "an answer", path: "/Patient", status: 200, wantHeader: map[string]string{"Deprecation": "@1767225600", "Sunset": "Thu, 31 Dec 2026 23:00:00 GMT", "HC-API-Version": "0"}},
		{name: "an error", path: "/Patient/x", status: 404, wantHeader: map[string]string{"Deprecation": "@1767225600", "Sunset": "Thu, 31 Dec 2026 23:00:00 GMT"}},
		{name: "its statement", path: "/metadata", status: 200, wantHeader: map[string]string{"Deprecation": "@1767225600"}, contains: []string{"deprecated since 2026-01-01", "served until 2026-12-31"}},
		{name: "another version", path: "/Patient", header: map[string]string{"HC-API-Version": "1"}, status: 200, wantHeader: map[string]string{"Deprecation": "", "Sunset": ""}},
	})
}

func TestRequestID(t *testing.T) {
	h := open(t)
	made := regexp.MustCompile(`^[0-9A-Za-z]{20}$`)
	for asked, taken := range map[string]bool{
		"": false, "client-id_1.2": true, "1234567": false, "12345678": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "two words": false, "semi;colon": false, "ümlaut-id": false,
	} {
		for _, path := range []string{"/Patient", "/Patient/none", "/nothing/at/all/here", "/metadata"} {
			header := map[string]string{}
			if asked != "" {
				header["X-Request-Id"] = asked
			}
			got, _ := h.send(t, scenario{path: path, header: header})
			id := got.header.Get("X-Request-Id")
			if taken && id != asked || !taken && !made.MatchString(id) {
				t.Errorf("%s: asked %q, got %q", path, asked, id)
			}
		}
	}
}

// An id in several lines names nothing.
func TestRequestIDInSeveralLines(t *testing.T) {
	got, _ := open(t).send(t, scenario{path: "/Patient", lines: http.Header{"X-Request-Id": {"client-id-1", "client-id-2"}}})
	if id := got.header.Get("X-Request-Id"); len(id) != 20 || len(got.header.Values("X-Request-Id")) != 1 {
		t.Errorf("X-Request-Id: %q", got.header.Values("X-Request-Id"))
	}
}

// TestWhoIsNotLetIn: who asks is found out before anything else, but for what is public.
func TestWhoIsNotLetIn(t *testing.T) {
	site := func(name string) map[string]string { return map[string]string{"SU-SiteId": name} }
	credential := map[string]string{"Authorization": "Bearer x"}
	forbidden := map[string]string{"issue[0].code": "forbidden", "issue[0].location": `["http.SU-SiteId"]`}
	login := map[string]string{"issue[0].code": "login", "issue[0].location": `["http.Authorization"]`}
	challenge := map[string]string{"WWW-Authenticate": `Bearer realm="portico"`, "Cache-Control": "no-store"}
	open(t).play(t, []scenario{
		{name: "the site", path: "/Patient", header: site("demo"), status: 200},
		{name: "another site", path: "/Patient", header: site("other"), status: 403, paths: forbidden},
		{name: "another site, where nothing is", path: "/Nothing/x", header: site("other"), status: 403},
		{name: "a credential that is none", path: "/Patient", header: credential, status: 401, paths: login, wantHeader: challenge},
		{name: "a credential that is none, where nothing is", path: "/Nothing/x", header: credential, status: 401, paths: login, wantHeader: challenge},
		{name: "metadata asks nobody", path: "/metadata", header: map[string]string{"Authorization": "Bearer x", "SU-SiteId": "other"}, status: 200},
	})
}

func TestNegotiation(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	const fhirJSON, plainJSON, textJSON = "application/fhir+json; charset=utf-8", "application/json; charset=utf-8", "text/json; charset=utf-8"
	accepts := map[string]string{ // Accept -> media type, "" for 406
		"": fhirJSON, "*/*": fhirJSON, "application/*": fhirJSON, "application/fhir+json": fhirJSON, "application/json": plainJSON, "text/json": textJSON, "text/*": textJSON,
		"application/json, text/plain, */*":                      fhirJSON,
		"application/json, application/fhir+json;q=0.5":          plainJSON,
		"application/json;q=0.5, application/fhir+json":          fhirJSON,
		"application/fhir+json;q=0, */*":                         plainJSON,
		"text/html,application/xml;q=0.9,*/*;q=0.8":              fhirJSON,
		"application/fhir+json; fhirVersion=4.0":                 fhirJSON,
		`application/fhir+json;fhirVersion="4.0.1"`:              fhirJSON,
		"Application/FHIR+JSON; Charset=UTF-8":                   fhirJSON,
		"application/fhir+json; fhirVersion=3.0":                 "",
		"application/fhir+json; fhirVersion=5.0, text/json":      textJSON,
		"application/json; charset=iso-8859-1":                   "",
		"application/fhir+xml":                                   "",
		"application/xml":                                        "",
		"text/html":                                              "",
		"application/fhir+json;q=0":                              "",
		"application/json;q=x":                                   "",
		"nonsense":                                               "",
		"application/fhir+xml, application/fhir+json;q=0.1":      fhirJSON,
		"application/fhir+turtle;q=1, application/json;q=0.001 ": plainJSON,
	}
	for accept, want := range accepts {
		sc := scenario{name: "Accept: " + accept, path: "/Patient/a", header: map[string]string{"Accept": accept}, status: 200, wantHeader: map[string]string{"Content-Type": want}}
		if want == "" {
			sc.status, sc.wantHeader["Content-Type"] = 406, fhirJSON
			sc.paths = map[string]string{"issue[0].code": "not-supported", "issue[0].location": `["http.Accept"]`}
			sc.contains = []string{"ask for application/fhir+json"}
		}
		h.play(t, []scenario{sc})
	}
	for format, status := range map[string]int{
		"json": 200, "JSON": 200, "application/json": 200, "text/json": 200, "application/fhir+json": 200, "application/fhir%2Bjson": 200, "application/fhir%2Bjson;fhirVersion=4.0": 406, "application/fhir%2Bjson%3B%20fhirVersion=4.0": 200,
		"application/fhir%2Bjson%3BfhirVersion=5.0": 406, "xml": 406, "html": 406, "application/fhir%2Bxml": 406, "": 406,
	} {
		h.play(t, []scenario{{name: "_format=" + format, path: "/Patient/a?_format=" + format, header: map[string]string{"Accept": "application/fhir+xml"}, status: status}})
	}
	strict := map[string]string{"Prefer": "handling=strict"}
	h.play(t, []scenario{
		{name: "_format percent-encoded", path: "/Patient/a?%5Fformat=xml", status: 406},
		{name: "another _pretty, lenient", path: "/Patient/a?_pretty=maybe", status: 200, contains: []string{`{"resourceType":"Patient",`}},
		{name: "two forms, lenient", path: "/Patient/a?_format=json&_format=xml", status: 200},
		{name: "another _pretty, strict", path: "/Patient?_pretty=maybe", header: strict, status: 400, contains: []string{`\"maybe\" is no value of _pretty: write true or false.`}},
		{name: "another _pretty of a form, strict", method: "POST", path: "/Patient/_search", body: "_pretty=1", header: map[string]string{"Prefer": "handling=strict", "Content-Type": "application/x-www-form-urlencoded"}, status: 400, contains: []string{"_pretty"}},
		{name: "two forms, strict", path: "/Patient/a?_format=json&_format=xml", header: strict, status: 400, contains: []string{`_format is given as \"json\" and as \"xml\": one of them can be meant.`}},
		{name: "a form twice and none, strict", path: "/Patient/a?_format=json&_pretty=&_format=&_format=json", header: strict, status: 200},
		{name: "_pretty percent-encoded", path: "/Patient/a?_prett%79=true", status: 200, contains: []string{"{\n  \"resourceType\": \"Patient\",\n"}},
		{name: "_pretty", path: "/Patient/a?_pretty=true", status: 200, contains: []string{"{\n  \"resourceType\": \"Patient\",\n"}},
		{name: "not _pretty", path: "/Patient/a?_pretty=false", status: 200, contains: []string{`{"resourceType":"Patient",`}},
		{name: "_pretty and gzip of an error", path: "/Patient/b?_pretty=true", header: map[string]string{"Accept-Encoding": "gzip"}, status: 404, contains: []string{"\n  \"issue\": ["}},
		{name: "metadata as XML", path: "/metadata", header: map[string]string{"Accept": "application/fhir+xml"}, status: 406, wantHeader: map[string]string{"Cache-Control": "no-store"}},
	})
}

func TestContentType(t *testing.T) {
	h := open(t)
	for contentType, status := range map[string]int{
		"application/fhir+json": 201, "application/json": 201, "text/json": 201, "application/fhir+json; charset=UTF-8": 201, "application/fhir+json; fhirVersion=4.0": 201,
		"application/fhir+json; fhirVersion=3.0": 415, "application/fhir+json; charset=utf-16": 415, "application/fhir+xml": 415, "application/x-www-form-urlencoded": 415, "": 415, "nonsense/": 415,
	} {
		sc := scenario{name: contentType, method: "POST", path: "/Patient", header: map[string]string{"Content-Type": contentType}, body: patient("x", "Ash"), status: status}
		if status == 415 {
			sc.paths = map[string]string{"issue[0].code": "not-supported", "issue[0].location": `["http.Content-Type"]`}
			sc.contains = []string{"What is read here is a resource as application/fhir+json"}
		}
		h.play(t, []scenario{sc})
	}
}

// A body that is said to be two things is neither.
func TestContentTypeInSeveralLines(t *testing.T) {
	const json, xml = "application/fhir+json", "application/fhir+xml"
	post := func(name string, lines http.Header) scenario {
		return scenario{name: name, method: "POST", path: "/Patient", lines: lines, body: patient("x", "Ash"), status: 415}
	}
	form := post("of a search", http.Header{"Content-Type": {json}})
	form.path, form.header = "/Patient/_search", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	with := post("with parameters", http.Header{"Content-Type": {xml}})
	with.header = map[string]string{"Content-Type": json + "; charset=utf-8"}
	packed := post("packed and not", http.Header{"Content-Encoding": {"gzip", "br"}})
	packed.body = pack(t, packed.body)
	open(t).play(t, []scenario{
		post("two types", http.Header{"Content-Type": {xml}}), post("one type twice", http.Header{"Content-Type": {json}}), form, with, packed,
	})
}

func pack(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	return b.String()
}

func TestBody(t *testing.T) {
	gzipped := map[string]string{"Content-Encoding": "gzip"}
	tooLong := map[string]string{"issue[0].code": "too-long"}
	large := `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + strings.Repeat("x", 5<<20)
	bomb := pack(t, strings.Repeat(" ", 32<<20))
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	h := open(t)
	h.play(t, []scenario{
		{name: "gzip", method: "POST", path: "/Patient", header: gzipped, body: pack(t, patient("x", "Ash")), status: 201, paths: map[string]string{"name[0].family": "Ash"}},
		{name: "gzip that is none", method: "POST", path: "/Patient", header: gzipped, body: patient("x", "Ash"), status: 400},
		{name: "gzip that breaks off", method: "POST", path: "/Patient", header: gzipped, body: pack(t, patient("x", "Ash"))[:60], status: 400},
		{name: "gzip of nothing", method: "POST", path: "/Patient", header: gzipped, body: pack(t, ""), status: 400, paths: map[string]string{"issue[0].code": "required"}},
		{name: "another packing", method: "POST", path: "/Patient", header: map[string]string{"Content-Encoding": "br"}, body: "x", status: 415, wantHeader: map[string]string{"Accept-Encoding": "gzip"}},
		{name: "identity", method: "POST", path: "/Patient", header: map[string]string{"Content-Encoding": "identity"}, body: patient("x", "Ash"), status: 201},
		{name: "white space", method: "POST", path: "/Patient", body: " \n ", status: 400, paths: map[string]string{"issue[0].code": "required"}},
		{name: "too large by its length", method: "POST", path: "/Patient", body: large, status: 413, paths: tooLong},
		{name: "too large when unpacked", method: "POST", path: "/Patient", header: gzipped, body: bomb, status: 413, paths: tooLong},
		{name: "too long a URL", path: "/Patient?family=" + strings.Repeat("a", 8<<10), status: 414, paths: tooLong, contains: []string{"POST to [type]/_search"}},
		{name: "a long URL", path: "/Patient?identifier=" + strings.Repeat("a", 7<<10), status: 200},
	})
	t.Run("too large without a length", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/Patient", io.MultiReader(strings.NewReader(large)))
		must(t, err)
		req.Header.Set("Content-Type", "application/fhir+json")
		answer, err := client.Do(req)
		must(t, err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s", answer.Status)
		}
	})
	t.Run("a body without a length", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/Patient", io.MultiReader(strings.NewReader(patient("x", "Ash"))))
		must(t, err)
		req.Header.Set("Content-Type", "application/fhir+json")
		answer, err := client.Do(req)
		must(t, err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("%s", answer.Status)
		}
	})
}

func TestCompression(t *testing.T) {
	h := open(t)
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		h.put(t, id, "Ash")
	}
	ask := map[string]string{"Accept-Encoding": "gzip"}
	const vary = "Authorization, SU-SiteId, HC-API-Version, Accept, Accept-Encoding"
	got, packed := h.send(t, scenario{path: "/Patient", header: ask})
	if got.header.Get("Content-Encoding") != "gzip" || got.header.Get("Vary") != vary {
		t.Fatalf("headers: %v", got.header)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	unpacked, err := io.ReadAll(r)
	must(t, err)
	_, plain := h.send(t, scenario{path: "/Patient"})
	if !bytes.Equal(plain, unpacked) || len(packed) >= len(plain) {
		t.Errorf("%d bytes unpacked from %d, want %d", len(unpacked), len(packed), len(plain))
	}
	h.play(t, []scenario{
		{name: "small answers stay as they are, with their ETag", path: "/Patient/a", header: ask, status: 200, wantHeader: map[string]string{"Content-Encoding": "", "ETag": `W/"1"`, "Vary": vary}, paths: map[string]string{"id": "a"}},
		{name: "metadata keeps its ETag", method: "HEAD", path: "/metadata", header: ask, status: 200, empty: true},
		{name: "without being asked", path: "/Patient", status: 200, wantHeader: map[string]string{"Content-Encoding": "", "Vary": vary}},
	})
}

// Every answer with a body tells its length, whoever counts it.
func TestAnswersTellTheirLength(t *testing.T) {
	h := open(t)
	for size := 1800; size <= 2300; size += 25 {
		h.put(t, "a", strings.Repeat("x", size))
		for _, path := range []string{"/Patient/a", "/Patient?_id=a", "/Patient/a?_pretty=true", "/Patient/nobody"} {
			got, body := h.send(t, scenario{path: path})
			if want := strconv.Itoa(len(body)); got.header.Get("Content-Length") != want {
				t.Fatalf("%s: a length of %q for %s bytes", path, got.header.Get("Content-Length"), want)
			}
		}
	}
}
