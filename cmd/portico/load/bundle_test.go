package load_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/cmd/portico/load"
)

func entries(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

// overLines writes a line feed behind each comma between members and entries, so that a document is no line.
func overLines(s string) string { return strings.NewReplacer(`,"`, ",\n\"", `,{`, ",\n{").Replace(s) }

const (
	annURL   = "urn:uuid:00000000-0000-4000-8000-00000000000a"
	annEntry = `{"fullUrl":"` + annURL + `","resource":` + ann + `,"request":{"method":"POST","url":"Patient"}}`
	visit    = `{"resource":{"resourceType":"Encounter","id":"v","subject":{"reference":"` + annURL + `"}}}`
	visitPut = `PUT /fhir/Encounter/v {"resourceType":"Encounter","id":"v","subject":{"reference":"Patient/ann"}}`
)

// Each Bundle is read twice: from one line, which is read whole, and from several, which are read entry by entry.
func TestBundles(t *testing.T) {
	tests := []struct {
		name     string
		bundle   string
		requests []string
		refused  []load.Refusal // of the first form; the line of each is known by the form
	}{
		{name: "entries with and without id", bundle: entries("collection", `{"resource":`+ann+`}`, `{"resource":`+noID+`}`),
			requests: []string{"POST /fhir/Patient " + noID, "PUT /fhir/Patient/ann " + ann}},
		{name: "no entries", bundle: entries("collection")},
		{name: "no member entry", bundle: `{"resourceType":"Bundle","type":"collection","total":0}`},
		{name: "members behind the entries", bundle: `{"resourceType":"Bundle","entry":[{"resource":` + ann + `}],"total":[1,{"x":"]}"}]}`,
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "the type behind the entries", bundle: `{"entry":[{"resource":` + ann + `}],"resourceType":"Bundle"}`,
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "a List has entries too", bundle: `{"resourceType":"List","id":"l","entry":[{"item":{"reference":"Patient/ann"}}]}`,
			requests: []string{`PUT /fhir/List/l {"resourceType":"List","id":"l","entry":[{"item":{"reference":"Patient/ann"}}]}`}},
		{name: "what a search said is left out", bundle: entries("searchset", `{"search":{"mode":"match"},"resource":`+ann+`}`, `{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome"}}`),
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "references between entries, back", bundle: entries("transaction", annEntry, visit),
			requests: []string{visitPut, "PUT /fhir/Patient/ann " + ann}},
		{name: "references between entries, ahead", bundle: entries("transaction", visit, annEntry),
			requests: []string{visitPut, "PUT /fhir/Patient/ann " + ann}},
		{name: "a reference to an entry without id", bundle: entries("transaction", strings.Replace(annEntry, ann, noID, 1), visit),
			requests: []string{"POST /fhir/Patient " + noID},
			refused:  []load.Refusal{{Place: load.Place{Entry: 2}, Resource: "Encounter/v", Reason: "need a transaction"}}},
		{name: "entries that have nothing to load", bundle: entries("batch", `{"request":{"method":"DELETE","url":"Patient/x"}}`, `{}`, `7`, `{"resource":{"id":"x"}}`, `{"resource":`+ann+`}`),
			requests: []string{"PUT /fhir/Patient/ann " + ann},
			refused: []load.Refusal{
				{Place: load.Place{Entry: 1}, Reason: `The entry has no resource, only the request "DELETE Patient/x"; it is carried out only where`},
				{Place: load.Place{Entry: 2}, Reason: "The entry has no resource."},
				{Place: load.Place{Entry: 3}, Reason: "An entry of a Bundle is an object, but this is the number 7."},
				{Place: load.Place{Entry: 4}, Reason: `"resourceType" is missing`},
			}},
		{name: "versions of the past", bundle: entries("history", `{"resource":`+ann+`}`),
			refused: []load.Refusal{{Reason: "A Bundle of type history"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			one := make([]load.Refusal, len(test.refused))
			for i, r := range test.refused {
				r.File, r.Line = "a.ndjson", 1
				one[i] = r
			}
			check(t, map[string]string{"a.ndjson": test.bundle}, nil, "", test.requests, one)
		})
		t.Run(test.name+", over several lines", func(t *testing.T) {
			text := "{\n" + overLines(test.bundle[1:])
			several := make([]load.Refusal, len(test.refused))
			for i, r := range test.refused {
				r.File, r.Line = "a.json", lineOfEntry(text, test.bundle, r.Entry)
				several[i] = r
			}
			check(t, map[string]string{"a.json": text}, nil, "", test.requests, several)
		})
	}
}

// lineOfEntry finds where an entry begins, by the comma and line feed before it.
func lineOfEntry(text, _ string, entry int) int {
	if entry == 0 {
		return 1
	}
	start := strings.Index(text, `"entry":[`) + len(`"entry":[`)
	depth, seen := 0, 1
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				seen++
			}
		}
		if seen == entry && text[i] != ',' && text[i] != '\n' {
			return 1 + strings.Count(text[:i], "\n")
		}
	}
	return 0
}

func TestBundleBrokenInside(t *testing.T) {
	tests := []struct {
		name, text string
		requests   []string
		refused    []load.Refusal
	}{
		{"an entry that is broken within its brackets", "{\n" + `"resourceType":"Bundle","entry":[` + "\n" + `{"resource":` + ann + "},\n" + `{"resource":{"resourceType":"Patient",}},` + "\n" + `{"resource":` + bob + `}]}`,
			[]string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob},
			[]load.Refusal{{Place: load.Place{File: "a.json", Line: 4, Entry: 2}, Reason: "The name of a member should begin here"}}},
		{"a comma is missing", "{\n" + `"resourceType":"Bundle","entry":[{"resource":` + ann + "}\n" + `{"resource":` + bob + `}]}`,
			[]string{"PUT /fhir/Patient/ann " + ann},
			[]load.Refusal{{Place: load.Place{File: "a.json", Line: 3}, Reason: "cannot be read any further: ',' should follow."}}},
		{"it is cut off", "{\n" + `"resourceType":"Bundle","entry":[{"resource":` + ann + "},\n" + `{"resource":{"resou`,
			[]string{"PUT /fhir/Patient/ann " + ann},
			[]load.Refusal{{Place: load.Place{File: "a.json", Line: 3}, Reason: "it ends too early"}}},
		{"it is cut off behind a comma", "{\n" + `"resourceType":"Bundle","entry":[{"resource":` + ann + "},\n",
			[]string{"PUT /fhir/Patient/ann " + ann},
			[]load.Refusal{{Place: load.Place{File: "a.json", Line: 3}, Reason: "it ends too early"}}},
		{"an entry that is too long", "{\n" + `"resourceType":"Bundle","entry":[{"x":"` + strings.Repeat("x", load.MaxResource) + "\"},\n" + `{"resource":` + bob + `}]}`,
			[]string{"PUT /fhir/Patient/bob " + bob},
			[]load.Refusal{{Place: load.Place{File: "a.json", Line: 2, Entry: 1}, Reason: "longer than"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, map[string]string{"a.json": test.text}, nil, "", test.requests, test.refused)
		})
	}
}

// A Bundle that is larger than what is looked ahead: what comes near is found, what comes far behind is not.
func TestLargeBundle(t *testing.T) {
	filler := strings.Repeat("x", 1000)
	all := []string{visit}
	var requests []string
	for i := range 6000 {
		r := fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","language":"%s"}`, i, filler)
		all = append(all, `{"resource":`+r+`}`)
		requests = append(requests, fmt.Sprintf("PUT /fhir/Patient/p%d %s", i, r))
	}
	all = append(all, annEntry, strings.Replace(visit, `"id":"v"`, `"id":"w"`, 1))
	requests = append(requests, "PUT /fhir/Patient/ann "+ann, strings.Replace(strings.Replace(visitPut, "/v ", "/w ", 1), `"id":"v"`, `"id":"w"`, 1))
	slices.Sort(requests)
	check(t, map[string]string{"a.json": "{\n" + entries("collection", all...)[1:]}, nil, "", requests,
		[]load.Refusal{{Place: load.Place{File: "a.json", Line: 2, Entry: 1}, Resource: "Encounter/v", Reason: "none with an id is near"}})
}
