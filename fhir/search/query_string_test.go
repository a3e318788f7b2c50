package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func TestSplitQuery(t *testing.T) {
	for raw, want := range map[string][]search.Pair{
		"":                                 nil,
		"&&":                               nil,
		"b=1&a=2&b=3":                      {{"b", "1"}, {"a", "2"}, {"b", "3"}},
		"name=John+Smith":                  {{"name", "John Smith"}},
		"name=a%2Bb%26c%3Dd":               {{"name", "a+b&c=d"}},
		"a=1;b=2":                          {{"a", "1;b=2"}},
		"a=b=c":                            {{"a", "b=c"}},
		"a":                                {{"a", ""}},
		"name%3Aexact=x":                   {{"name:exact", "x"}},
		"date=2013-01-14T10%3A00%3A00Z":    {{"date", "2013-01-14T10:00:00Z"}},
		"identifier=http://a.example|1%20": {{"identifier", "http://a.example|1 "}},
	} {
		got, err := search.SplitQuery(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
	}
}

func TestSplitQueryRefusals(t *testing.T) {
	_, err := search.SplitQuery("a=%zz&b=1&%=2&c=100%&name=%ff&d=%00&\xff=%f")
	var e *fhir.Error
	if !errors.As(err, &e) || e.Kind != fhir.Invalid {
		t.Fatal(err)
	}
	var places []string
	for _, issue := range e.Issues {
		places = append(places, issue.Path)
	}
	if diff := cmp.Diff([]string{"a", "%", "c", "name", "d", "\uFFFD"}, places); diff != "" {
		t.Error(diff)
	}
}

func TestSplitQueryIsBounded(t *testing.T) {
	most := strings.Repeat("a&&", search.MaxPairs) // an empty one is none
	if pairs, err := search.SplitQuery(most); err != nil || len(pairs) != search.MaxPairs {
		t.Errorf("%d parameters: %v", len(pairs), err)
	}
	if _, err := search.SplitQuery(most + "b=%"); !errors.Is(err, fhir.TooCostly) {
		t.Errorf("one more: %v", err)
	}
}

// TestSplitQueryControlCharacters: NUL is UTF-8; what is wrong with it is something else. The place is a FHIR string itself.
func TestSplitQueryControlCharacters(t *testing.T) {
	for raw, want := range map[string]fhir.Issue{
		"name=%00":   {Path: "name", Detail: "The parameter has the control character %00 in it, which no text of a resource has."},
		"name=a%1Fb": {Path: "name", Detail: "The parameter has the control character %1F in it, which no text of a resource has."},
		"a%07b=x":    {Path: "a\uFFFDb", Detail: "The parameter has the control character %07 in it, which no text of a resource has."},
		"name=%ff":   {Path: "name", Detail: "The parameter is not text in UTF-8."},
	} {
		want.Severity, want.Code = fhir.Severe, fhir.CodeValue
		_, err := search.SplitQuery(raw)
		var e *fhir.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if diff := cmp.Diff([]fhir.Issue{want}, e.Issues); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
	}
	if _, err := search.SplitQuery("name=a%09b%0D%0Ac%7F"); err != nil {
		t.Errorf("tab, line ends and DEL are text: %v", err)
	}
}

func TestJoinQueryIsReadable(t *testing.T) {
	pairs := []search.Pair{{"identifier", "https://example.org/mrn|1 2"}, {"name:exact", "Ö&+"}, {"_sort", "-date,x"}}
	const want = "identifier=https://example.org/mrn%7C1%202&name:exact=%C3%96%26%2B&_sort=-date,x"
	if got := search.JoinQuery(pairs); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestJoinQueryIsInverse(t *testing.T) {
	text := rapid.StringMatching(`[^\x00-\x08\x0B\x0C\x0E-\x1F]*`)
	pair := rapid.Custom(func(t *rapid.T) search.Pair {
		return search.Pair{Name: text.Draw(t, "name"), Value: text.Draw(t, "value")}
	})
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOf(pair).Draw(t, "pairs")
		got, err := search.SplitQuery(search.JoinQuery(pairs))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]search.Pair(nil), pairs...), got); diff != "" {
			t.Fatal(diff)
		}
	})
}
