package search_test

import (
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// TestURIRows is the table of https://hl7.org/fhir/R4/search.html#uri.
func TestURIRows(t *testing.T) {
	subscription := func(endpoint string) string {
		return `{"resourceType":"Subscription","id":"s1","channel":{"endpoint":"` + endpoint + `"}}`
	}
	checkHits(t, subscription("http://acme.org/fhir/ValueSet/123"), []hit{
		{"url=http://acme.org/fhir/ValueSet/123", true},
		{"url=http://acme.org/fhir/ValueSet/12", false}, // "the entire URI must match"
		{"url=http://acme.org/fhir/ValueSet/1234", false},
		{"url=http://acme.org/fhir/valueset/123", false}, // "case, accent, escape"
		{"url=http://acme.org/fhir/ValueSet/%31%32%33", true},
		{"url=http://acme.org/fhir/ValueSet/%2531", false},
		{"url:below=http://acme.org/fhir/", true},
		{"url:below=http://acme.org/fhir", true},
		{"url:below=http://acme.org/fh", false},
		{"url:below=http://acme.org", true},
		{"url:below=http://acme.org/fhir/ValueSet/123", true},
		{"url:below=http://acme.org/fhir/ValueSet/123/x", false},
		{"url:below=http://acme.or", false},
		{"url:above=http://acme.org/fhir/ValueSet/123/_history/5", true},
		{"url:above=http://acme.org/fhir/ValueSet/123", true},
		{"url:above=http://acme.org/fhir/ValueSet/123/", true},
		{"url:above=http://acme.org/fhir/ValueSet/1234", false},
		{"url:above=http://acme.org/fhir/ValueSet", false},
		{"url:missing=false", true},
		{"_source:missing=true", true},
	})
	checkHits(t, subscription("http://acme.org/fhir/"), []hit{
		{"url=http://acme.org/fhir", false}, {"url:below=http://acme.org/fhir", true}, {"url:above=http://acme.org/fhir/x", true}, {"url:above=http://acme.org/fhir", true},
	})
	checkHits(t, subscription("http://acme.org"), []hit{{"url:above=http://acme.org/a/b", true}, {"url:above=http://acme.org.uk/a", false}, {"url:below=http://acme.org/", true}})
	checkHits(t, subscription("urn:oid:1.2.3.4.5"), []hit{
		{"url=urn:oid:1.2.3.4.5", true}, {"url=urn:oid:1.2.3.4", false},
		{"url:below=urn:oid:1.2.3.4", false}, {"url:above=urn:oid:1.2.3.4.5.6", false}, // "URLs, not URNs"
		{"url:below=urn:oid:1.2.3.4.5", true}, {"url:above=urn:oid:1.2.3.4.5", true},
	})
}

// TestURIOfMeta: a canonical URL is found with its version and without one.
func TestURIOfMeta(t *testing.T) {
	checkHits(t, `{"resourceType":"Slot","id":"s","meta":{"profile":["https://example.org/p|1.0","https://example.org/q"],"source":"https://example.org/feed#7"}}`, []hit{
		{"_profile=https://example.org/p|1.0", true}, {`_profile=https://example.org/p\|1.0`, true}, {"_profile=https://example.org/p", true}, {"_profile=https://example.org/p|2.0", false},
		{"_profile=https://example.org/q", true}, {"_profile:below=https://example.org", true}, {"_source=https://example.org/feed%237", true}, {"_source=https://example.org/feed", false},
		{"_profile=a,https://example.org/q", true},
	})
}

// TestURILong: what is compared of a long URL ends, and that is said.
func TestURILong(t *testing.T) {
	long := "https://example.org/" + strings.Repeat("ä", search.MaxFolded)
	checkHits(t, `{"resourceType":"Subscription","id":"s","channel":{"endpoint":"`+long+`"}}`, []hit{
		{"url=" + long, true}, {"url=" + long + "x", false}, {"url:below=https://example.org", true},
	})
	checkRefusals(t, []refusal{
		{"Subscription", "url:below=" + long, "the first 256 characters of a URL are compared with :below"},
		{"Subscription", "url:above=" + strings.Repeat(long, 4), "at most 2048 bytes"},
		{"Subscription", "url:above=https://example.org" + strings.Repeat("/a", 70), "at most 64 slashes"},
		{"Subscription", "url:exact=x", "it takes missing, above and below"},
	})
}
