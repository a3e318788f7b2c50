package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

func withWords(t testing.TB, types ...string) *search.Rules {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: served, BaseURL: base, Words: types})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

const noted = `{"resourceType":"Observation","id":"Obs-7","status":"final","language":"en-GB",
	"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" title=\"a>b\"><h1>Home&nbsp;visit</h1><p>Kn<b>ee</b> pain &amp; caf&eacute;<br/>mild</p><!-- hidden --><table><tr><td>left</td><td>right</td></tr></table></div>"},
	"code":{"coding":[{"system":"http://snomed.info/sct","code":"Xa1","display":"Über-weight"}]},"effectiveDateTime":"2026-03-01","valueQuantity":{"value":72.5,"unit":"kilogram"},
	"note":[{"text":"ring *twice*"}],"subject":{"display":"Ann O'Hara"},"contained":[{"resourceType":"Device","id":"d","deviceName":[{"name":"Scale","type":"other"}]}],
	"_status":{"extension":[{"url":"https://example.org/why","valueString":"because"}]},"extension":[{"url":"https://example.org/x","valueBase64Binary":"c2VjcmV0"}]}`

// https://hl7.org/fhir/R4/search.html#content
func TestTextAndContent(t *testing.T) {
	rules := withWords(t, "Observation")
	for _, h := range []hit{
		{"_text=visit", true}, {"_text=VISIT,%20Home", true}, {"_text=Home mild", true}, {"_text=home,zebra", true}, {"_text=home zebra", false},
		{"_text=knee", true}, {"_text=kn", false}, {"_text=cafe", true}, {"_text=caf%C3%A9", true}, {"_text=caféMild", false}, {"_text=leftright", false}, {"_text=left right", true},
		{"_text=hidden", false}, {"_text=title", false}, {"_text=div", false}, {"_text=nbsp", false}, {"_text=ring", false}, {"_text=zebra,knee pain", true},
		{"_content=knee", true}, {"_content=uber weight", true}, {"_content=ring twice", true}, {"_content=oharas", false}, {"_content=ohara", true}, {"_content=kilogram", true},
		{"_content=xa1", true}, {"_content=final", true}, {"_content=obs 7", true}, {"_content=scale", true}, {"_content=because", true},
		{"_content=snomed", false}, {"_content=2026", false}, {"_content=c2vjcmv0", false}, {"_content=72", false}, {"_content=div", false},
		{"_content:missing=true", false}, {"_text:missing=false", true},
	} {
		if got := found(t, rules, noted, h.query); got != h.want {
			t.Errorf("?%s finds %v, want %v", h.query, got, h.want)
		}
	}
	if inside := `{"resourceType":"Observation","id":"o","note":[{"text":"outside"}],"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","name":[{"text":"inside"}]}]}`; !found(t, withWords(t, "Observation", "Patient"), inside, "subject:Patient._content=inside") ||
		found(t, withWords(t, "Observation", "Patient"), inside, "subject:Patient._content=outside") || !found(t, rules, inside, "_content=inside outside") {
		t.Error("words of what is contained are its own and its container's")
	}
	if !found(t, rules, `{"resourceType":"Observation","id":"o"}`, "_text:missing=true&_content=o") {
		t.Error("a resource without a narrative")
	}
}

// TestFilterOfWords: a filter asks for words that are there. They have neither beginning nor end that would be searched.
func TestFilterOfWords(t *testing.T) {
	rules := withWords(t, "Observation")
	_, x := indexed(t, rules, noted)
	for filter, want := range map[string]bool{`_text eq "home knee"`: true, `_text eq "home zebra"`: false, `not (_content eq zebra)`: true, `_content pr true`: true} {
		req, err := filtered(rules, "Observation", filter, true)
		if err != nil || search.Match(req.Query, x) != want {
			t.Errorf("%s: %+v, %v, want %v", filter, req.Query.All, err, want)
		}
	}
	for filter, want := range map[string]string{
		`_text sw home`:    "The operator sw is not supported for _text, a parameter of type string; it takes eq and pr.",
		`_text ew mild`:    "The operator ew is not supported for _text",
		`_content co knee`: "The operator co is not supported for _content",
		`_text ne knee`:    "Write not (_text eq …)",
	} {
		if _, err := filtered(rules, "Observation", filter, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", filter, err, want)
		}
	}
}

func TestTextRefusals(t *testing.T) {
	rules := withWords(t, "Observation")
	for query, want := range map[string]string{
		"_text=...":                              "has no word in it",
		"_text=bone OR liver":                    "has an operator, which is not supported: write the words",
		"_content=" + strings.Repeat("long", 17): "words of at most 64 characters are found",
		"_text:exact=x":                          "The parameter _text has no modifier",
	} {
		if _, err := parse(rules, "Observation", query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for _, query := range []string{"_text=x", "_content=x"} { // not switched on
		if _, err := parse(rules, "Patient", query); err == nil || !strings.Contains(err.Error(), "of Patient is not supported by this server") {
			t.Errorf("Patient?%s: %v", query, err)
		}
	}
	if _, err := search.NewRules(search.Config{Types: served, Words: []string{"Account"}}); err == nil || !strings.Contains(err.Error(), `"Account" is no resource type that this server serves`) {
		t.Errorf("a type that is not served: %v", err)
	}
}

// TestWordsAreBounded: one Term for each different word, of which there are not too many, and none that is too long.
func TestWordsAreBounded(t *testing.T) {
	const most, longest = 1000, 64
	var text strings.Builder
	for i := range 2 * most {
		fmt.Fprintf(&text, "word%d Word%d ", i, i)
	}
	long := strings.Repeat("é", longest+1)
	rules := withWords(t, served...)
	_, x := indexed(t, rules, `{"resourceType":"Observation","note":[{"text":"`+long+` `+long[2:]+` `+text.String()+`"}]}`)
	words := []string{}
	for _, term := range x.Entries.Terms {
		if term.Param == "_content" {
			words = append(words, term.Value)
		}
	}
	if len(words) != most || words[0] != strings.Repeat("e", longest) || words[1] != "word0" {
		t.Errorf("%d words, the first %q and %q", len(words), words[0], words[1])
	}
	slices.Sort(words)
	if diff := cmp.Diff(words, slices.Compact(slices.Clone(words))); diff != "" {
		t.Error(diff)
	}
	for _, typ := range served {
		if rules.Stamps()[typ]["_content"] == "" {
			t.Errorf("%s has no stamp", typ)
		}
	}
}
